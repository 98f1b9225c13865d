package credential

import (
	"context"
	"errors"
	"time"
)

// Authorizer is a provider whose credential starts with a login by a person.
// None of its methods changes stored state; the engine stores what they return.
type Authorizer interface {
	// Invite starts a login. Offer is a redirect address on this machine where
	// the caller listens for the browser.
	Invite(ctx context.Context, at time.Time, offer string) (Invitation, error)
	// Redeem exchanges the code in the address that the browser was redirected
	// to after an invitation.
	Redeem(ctx context.Context, at time.Time, in Invitation, address Secret) (Credential, error)
	// Poll asks whether the login with a device code is complete. If pending is
	// true it is not, and the polling interval grows by slower.
	Poll(ctx context.Context, at time.Time, in Invitation) (c Credential, pending bool, slower time.Duration, err error)
	// Import returns the seed for a refresh token obtained elsewhere.
	Import(refresh Secret) (map[string]Secret, error)
	// AwaitsLogin reports whether nothing can be renewed from these values before a
	// person has logged in.
	AwaitsLogin(previous Credential) bool
}

// ErrNoLogin is wrapped by the errors of an Authorizer whose credential needs
// no login.
var ErrNoLogin = errors.New("it needs no login")

// Invitation holds what a person needs to log in, and what the exchange
// afterwards needs.
type Invitation struct {
	// Address is the page to open.
	Address string `json:"address"`
	// UserCode is the code to enter there; empty for a login that ends with a
	// redirect.
	UserCode string `json:"user_code,omitempty"`
	// Redirect is the redirect address.
	Redirect string `json:"redirect,omitempty"`
	// State, Nonce and Verifier tie the answer to this invitation. Device is the
	// device code.
	State    string `json:"state,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	Verifier string `json:"verifier,omitempty"`
	Device   string `json:"device,omitempty"`
	// Interval is the device flow's polling interval; EndsAt is when the code
	// expires.
	Interval time.Duration `json:"interval,omitempty"`
	EndsAt   time.Time     `json:"ends_at,omitzero"`
}
