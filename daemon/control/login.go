package control

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/credential"
)

// The requests of a login. The client returns the invitation with the answer: the
// daemon keeps no state about a login in progress.
type (
	inviteRequest struct {
		Name  string `json:"name"`
		Offer string `json:"offer"`
	}
	redeemRequest struct {
		Name       string                `json:"name"`
		Invitation credential.Invitation `json:"invitation"`
		// Address is the redirect address with the code; empty for a device.
		Address string `json:"address,omitempty"`
	}
	importRequest struct {
		Name    string `json:"name"`
		Refresh string `json:"refresh"`
	}
)

// Loginer is what a login needs of the daemon. A *credential.Fault, possibly
// wrapped, is a refusal of the backend; a *MisuseError means that the credential has
// no login.
type Loginer interface {
	// Invite starts a login for a credential that exists.
	Invite(ctx context.Context, name, offer string) (credential.Invitation, error)
	// Redeem exchanges the code, or waits for the end of a device login, and
	// stores the resulting tokens.
	Redeem(ctx context.Context, name string, in credential.Invitation, address credential.Secret) error
	// Import stores a refresh token. It makes no call.
	Import(ctx context.Context, name string, refresh credential.Secret) error
}

func (h handler) invite(w http.ResponseWriter, r *http.Request) {
	var ask inviteRequest
	if !decode(w, r, &ask) || !h.exists(w, ask.Name) {
		return
	}
	h.audit(r, "login begun", zap.String("credential", ask.Name))
	in, err := h.backend.Invite(r.Context(), ask.Name, ask.Offer)
	if err != nil {
		refuse(w, problemOf(err))
		return
	}
	answer(w, in)
}

func (h handler) redeem(w http.ResponseWriter, r *http.Request) {
	var ask redeemRequest
	if !decode(w, r, &ask) || !h.exists(w, ask.Name) {
		return
	}
	h.audit(r, "login answered", zap.String("credential", ask.Name))
	h.done(w, h.backend.Redeem(r.Context(), ask.Name, ask.Invitation, credential.NewSecret(ask.Address)))
}

func (h handler) importToken(w http.ResponseWriter, r *http.Request) {
	var ask importRequest
	if !decode(w, r, &ask) || !h.exists(w, ask.Name) {
		return
	}
	h.audit(r, "refresh token imported", zap.String("credential", ask.Name))
	h.done(w, h.backend.Import(r.Context(), ask.Name, credential.NewSecret(ask.Refresh)))
}

func (h handler) done(w http.ResponseWriter, err error) {
	if err != nil {
		refuse(w, problemOf(err))
		return
	}
	answer(w, struct{}{})
}

// Invite starts a login. Offer is an address that the caller listens on.
func (c *Client) Invite(ctx context.Context, name, offer string) (in credential.Invitation, err error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	err = c.ask(ctx, http.MethodPost, pathInvite, inviteRequest{name, offer}, &in)
	return in, err
}

// Redeem completes a login: with the redirect address, or when the device login is
// done.
func (c *Client) Redeem(ctx context.Context, name string, in credential.Invitation, address credential.Secret) error {
	return c.ask(ctx, http.MethodPost, pathRedeem, redeemRequest{name, in, address.Reveal()}, nil)
}

// Import sends a refresh token.
func (c *Client) Import(ctx context.Context, name string, refresh credential.Secret) error {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	return c.ask(ctx, http.MethodPost, pathImport, importRequest{name, refresh.Reveal()}, nil)
}

// loginTimeout limits a request that may include one call to the backend.
const loginTimeout = time.Minute
