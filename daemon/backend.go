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

// Alive reports whether the engine makes progress.
func (d *Daemon) Alive() bool { return d.engine.Alive() }

// Begun reports whether the engine has made any progress yet.
func (d *Daemon) Begun() bool { return d.engine.Begun() }

// Select returns what the query selects. It does not wait for the engine.
func (d *Daemon) Select(q engine.Query) engine.View { return d.engine.Select(q) }

// DetailLimit returns the number of credentials and of sinks up to which each has
// its own metric series.
func (d *Daemon) DetailLimit() int {
	d.live.RLock()
	defer d.live.RUnlock()
	return d.cfg.Metrics.DetailLimit
}

// Summary returns the totals. It does not wait for the engine.
func (d *Daemon) Summary() engine.Summary { return d.engine.Summary() }

// Await returns when holds is true for what the query selects.
func (d *Daemon) Await(ctx context.Context, q engine.Query, holds func(engine.View) bool) error {
	return d.engine.Await(ctx, q, holds)
}

// Renew renews the named credentials and calls tell with each result. A credential
// whose backend asked for a long wait is not tried.
func (d *Daemon) Renew(ctx context.Context, names []string, opt control.RenewOptions, tell func(engine.RenewResult)) error {
	told := func(end engine.RenewResult) {
		d.epoch.Add(1)
		tell(end)
	}
	v := d.engine.Select(engine.Query{Names: names})
	names = control.LeavePaused(v, names, told)
	if !opt.IgnoreCooldown {
		names = control.LeaveAlone(v, names, told)
	}
	if !opt.Force {
		kept, err := d.engine.KeptBack(ctx, names)
		if err != nil {
			return err
		}
		names = control.LeaveKept(kept, names, told)
	}
	if len(names) == 0 {
		return nil
	}
	if opt.TakeOver && d.cluster != nil {
		defer d.cluster.TakeOver(names)()
	}
	if opt.IgnoreCooldown {
		return d.engine.Hurry(ctx, names, told)
	}
	return d.engine.Renew(ctx, names, told)
}

// Pause stops attempts for the named credentials for that long, or until they are
// resumed if length is zero.
func (d *Daemon) Pause(ctx context.Context, names []string, length time.Duration) (until time.Time, err error) {
	defer d.epoch.Add(1)
	if length > 0 {
		until = time.Now().Add(length)
	}
	return until, d.engine.Pause(ctx, names, until)
}

// Resume ends the pause of the named credentials.
func (d *Daemon) Resume(ctx context.Context, names []string) error {
	defer d.epoch.Add(1)
	return d.engine.Resume(ctx, names)
}

// Forget drops the records of removed credentials.
func (d *Daemon) Forget(ctx context.Context, names []string) (unknown []string, err error) {
	defer d.epoch.Add(1)
	return d.engine.Forget(ctx, names)
}

// Stderr returns the last stderr output of a credential's command.
func (d *Daemon) Stderr(ctx context.Context, name string) (credential.Secret, error) {
	_, spec, err := d.engine.Credential(ctx, name)
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

// Fields returns the names of a credential's fields, the kind's own first.
func (d *Daemon) Fields(ctx context.Context, name string) ([]string, error) {
	_, spec, err := d.engine.Credential(ctx, name)
	return append(slices.Clone(spec.Fields), credential.CommonFields[:]...), err
}

// Sign returns the Authorization header for one request.
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
		return credential.Secret{}, &control.MisuseError{Err: err} // the secrets are present, so the request is at fault
	}
	return value, nil
}
