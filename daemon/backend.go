package daemon

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
)

// View returns the state as the engine knows it now.
func (d *Daemon) View(ctx context.Context) (engine.View, error) { return d.engine.View(ctx) }

// Await returns when the condition holds for the state.
func (d *Daemon) Await(ctx context.Context, holds func(engine.View) bool) error {
	return d.engine.Await(ctx, engine.Query{History: true}, holds)
}

// Renew renews the named credentials and tells each end.
func (d *Daemon) Renew(ctx context.Context, names []string, tell func(engine.RenewResult)) error {
	return d.engine.Renew(ctx, names, tell)
}

// Show returns one field of a credential, the kind's first one for the empty
// name.
func (d *Daemon) Show(ctx context.Context, name, field string) (credential.Secret, error) {
	c, spec, err := d.engine.Credential(ctx, name)
	if err != nil {
		return credential.Secret{}, err
	}
	if field == "" && len(spec.Fields) > 0 {
		field = spec.Fields[0]
	}
	known := append(slices.Clone(spec.Fields), credential.CommonFields[:]...)
	if !slices.Contains(known, field) {
		return credential.Secret{}, fmt.Errorf("%w field %q of credential %s (it has %s)", control.ErrUnknown, field, name, strings.Join(known, ", "))
	}
	value, ok := c.Field(field)
	if !ok {
		return credential.Secret{}, fmt.Errorf("credential %s has no %s yet: see vigente status", name, field)
	}
	return value, nil
}

// Sign returns the Authorization header of one request.
func (d *Daemon) Sign(ctx context.Context, name, method, url string, form map[string][]string) (credential.Secret, error) {
	_, spec, err := d.engine.Credential(ctx, name)
	if err != nil {
		return credential.Secret{}, err
	}
	signer, ok := spec.Source.(credential.Signer)
	if !ok {
		return credential.Secret{}, &control.MisuseError{Err: fmt.Errorf("credential %s signs nothing (expected one of a provider with auth = \"oauth1\")", name)}
	}
	value, err := signer.Sign(method, url, form, time.Now())
	if err != nil {
		return credential.Secret{}, &control.MisuseError{Err: err} // its secrets are there, so it is the request
	}
	return value, nil
}
