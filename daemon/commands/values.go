package commands

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/control"
)

// Stderr returns the last stderr output of a credential's command.
func (x *Executor) Stderr(ctx context.Context, name string) (credential.Secret, error) {
	_, spec, err := x.engine.Credential(ctx, name)
	if err != nil {
		return credential.Secret{}, err
	}
	from, ok := spec.Source.(credential.Complainer)
	if !ok {
		return credential.Secret{}, &control.MisuseError{Err: fmt.Errorf("credential %s runs no command (expected one of a provider of type exec)", name)}
	}
	return from.Stderr(), nil
}

// Show returns one field of a credential. An empty name means the kind's first
// field.
func (x *Executor) Show(ctx context.Context, name, field string) (credential.Secret, error) {
	c, spec, err := x.engine.Credential(ctx, name)
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

// Fields returns the names of a credential's fields, the kind's own first.
func (x *Executor) Fields(ctx context.Context, name string) ([]string, error) {
	_, spec, err := x.engine.Credential(ctx, name)
	return append(slices.Clone(spec.Fields), credential.CommonFields[:]...), err
}

// Sign returns the Authorization header for one request.
func (x *Executor) Sign(ctx context.Context, name, method, url string, form map[string][]string) (credential.Secret, error) {
	_, spec, err := x.engine.Credential(ctx, name)
	if err != nil {
		return credential.Secret{}, err
	}
	signer, ok := spec.Source.(credential.Signer)
	if !ok {
		return credential.Secret{}, &control.MisuseError{Err: fmt.Errorf("credential %s signs nothing (expected one of a provider with auth = \"oauth1\")", name)}
	}
	value, err := signer.Sign(method, url, form, time.Now())
	if err != nil {
		return credential.Secret{}, &control.MisuseError{Err: err} // the secrets are present, so the request is at fault
	}
	return value, nil
}
