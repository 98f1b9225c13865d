package commands

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/control"
)

// authorizer returns the source of a credential that supports a login.
func (x *Executor) authorizer(ctx context.Context, name string) (credential.Authorizer, time.Duration, error) {
	_, spec, err := x.engine.Credential(ctx, name)
	if err != nil {
		return nil, 0, err
	}
	a, ok := spec.Source.(credential.Authorizer)
	if !ok {
		return nil, 0, &control.MisuseError{Err: fmt.Errorf("credential %s needs no login (expected one of a provider of type oauth2 with grant = \"refresh_token\")", name)}
	}
	return a, spec.Policy.Timeout, nil
}

// Invite begins a login.
func (x *Executor) Invite(ctx context.Context, name, offer string) (credential.Invitation, error) {
	a, timeout, err := x.authorizer(ctx, name)
	if err != nil {
		return credential.Invitation{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	in, err := a.Invite(ctx, time.Now(), offer)
	return in, misused(err)
}

// misused marks the errors of a login that can never succeed.
func misused(err error) error {
	if errors.Is(err, credential.ErrNoLogin) {
		return &control.MisuseError{Err: err}
	}
	return err
}

// Redeem finishes a login, and adopts the credential that was obtained.
func (x *Executor) Redeem(ctx context.Context, name string, in credential.Invitation, address credential.Secret) error {
	a, timeout, err := x.authorizer(ctx, name)
	if err != nil {
		return err
	}
	var got credential.Credential
	if in.Device != "" {
		got, err = poll(ctx, a, in, timeout)
	} else {
		call, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		got, err = a.Redeem(call, time.Now(), in, address)
	}
	if err != nil {
		return err
	}
	defer x.reported()
	// A login does not use the seed, so it does not matter what happened to that.
	defer x.takeOver([]string{name})()
	// If the client disconnects, what was obtained must not be lost.
	return x.engine.Adopt(context.WithoutCancel(ctx), name, got)
}

// poll asks at the server's pace until the login is finished.
func poll(ctx context.Context, a credential.Authorizer, in credential.Invitation, timeout time.Duration) (credential.Credential, error) {
	interval := in.Interval
	for {
		timer := time.NewTimer(interval)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return credential.Credential{}, context.Cause(ctx)
		}
		call, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		got, pending, slower, err := a.Poll(call, time.Now(), in)
		cancel()
		if err != nil || !pending {
			return got, err
		}
		interval += slower
	}
}

// Import adopts a refresh token.
func (x *Executor) Import(ctx context.Context, name string, refresh credential.Secret) error {
	a, _, err := x.authorizer(ctx, name)
	if err != nil {
		return err
	}
	seed, err := a.Import(refresh)
	if err != nil {
		return misused(err)
	}
	defer x.reported()
	// A login does not use the seed, so it does not matter what happened to that.
	defer x.takeOver([]string{name})()
	return x.engine.Plant(ctx, name, seed)
}
