package credential

import (
	"context"
	"errors"
	"time"
)

// Authorizer is a provider whose credential begins with a login by a person.
// None of its methods changes what is stored: the engine adopts what they
// return.
type Authorizer interface {
	// Invite begins a login. Offer is an address of this machine at which the
	// caller can take the person's browser back.
	Invite(ctx context.Context, at time.Time, offer string) (Invitation, error)
	// Redeem exchanges what the person brought back from the address of an
	// invitation.
	Redeem(ctx context.Context, at time.Time, in Invitation, address Secret) (Credential, error)
	// Poll asks whether the person is done with a device's code. Pending says
	// that they are not; the wait until the next question grows by slower.
	Poll(ctx context.Context, at time.Time, in Invitation) (c Credential, pending bool, slower time.Duration, err error)
	// Import returns the seed for a refresh token that a person brings.
	Import(refresh Secret) (map[string]Secret, error)
}

// ErrNoLogin is wrapped by the error of an Authorizer whose credential needs no
// login.
var ErrNoLogin = errors.New("it needs no login")

// Invitation is what a person needs for a login, and what the exchange after it
// needs.
type Invitation struct {
	// Address is the page to open.
	Address string `json:"address"`
	// UserCode is what to type there; empty where the person comes back with an
	// address instead.
	UserCode string `json:"user_code,omitempty"`
	// Redirect is where the browser comes back to.
	Redirect string `json:"redirect,omitempty"`
	// State, Nonce and Verifier tie the answer to this invitation; Device is the
	// device's own half of the code.
	State    string `json:"state,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	Verifier string `json:"verifier,omitempty"`
	Device   string `json:"device,omitempty"`
	// Interval is the wait between two questions about a device, EndsAt when the
	// code is over.
	Interval time.Duration `json:"interval,omitempty"`
	EndsAt   time.Time     `json:"ends_at,omitzero"`
}
