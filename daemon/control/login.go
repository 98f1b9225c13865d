package control

import (
	"context"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/credential"
)

// The requests of a login. What an invitation holds goes back with the answer:
// the daemon keeps nothing of a login that is under way.
type (
	inviteRequest struct {
		Name  string `json:"name"`
		Offer string `json:"offer"`
	}
	redeemRequest struct {
		Name       string                `json:"name"`
		Invitation credential.Invitation `json:"invitation"`
		// Address is where the browser came back to; empty for a device.
		Address string `json:"address,omitempty"`
	}
	importRequest struct {
		Name    string `json:"name"`
		Refresh string `json:"refresh"`
	}
)

// Loginer is what the daemon does for a login. An error that is, or wraps, a
// *credential.Fault is the refusal of the backend; a *MisuseError says that the
// credential knows no login.
type Loginer interface {
	// Invite begins a login for a credential that exists.
	Invite(ctx context.Context, name, offer string) (credential.Invitation, error)
	// Redeem exchanges what the person brought, or waits for them to be done on a
	// device, and adopts what that gives.
	Redeem(ctx context.Context, name string, in credential.Invitation, address credential.Secret) error
	// Import adopts a refresh token that a person brings. It makes no call.
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

// Invite begins a login. Offer is an address at which the caller listens.
func (c *Client) Invite(ctx context.Context, name, offer string) (in credential.Invitation, err error) {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	err = c.ask(ctx, http.MethodPost, pathInvite, inviteRequest{name, offer}, &in)
	return in, err
}

// Redeem ends a login: with the address that the browser came back to, or, for a
// device, when the person is done.
func (c *Client) Redeem(ctx context.Context, name string, in credential.Invitation, address credential.Secret) error {
	return c.ask(ctx, http.MethodPost, pathRedeem, redeemRequest{name, in, address.Reveal()}, nil)
}

// Import hands a refresh token over.
func (c *Client) Import(ctx context.Context, name string, refresh credential.Secret) error {
	ctx, cancel := context.WithTimeout(ctx, loginTimeout)
	defer cancel()
	return c.ask(ctx, http.MethodPost, pathImport, importRequest{name, refresh.Reveal()}, nil)
}

// loginTimeout bounds a request that may make one call to the backend.
const loginTimeout = time.Minute
