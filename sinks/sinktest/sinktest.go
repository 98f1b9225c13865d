// Package sinktest is the contract that every sink must meet, whatever its
// kind.
//
// A kind's test describes the kind in a Suite and calls Run; a kind that keeps
// a file describes Files and calls RunFiles, which does both. The suite checks
// the rules of credential.Sink: delivering the same value again changes
// nothing, a failed delivery keeps the old content, no failure contains a
// value, and what a sink reports about its target is true and changes nothing.
package sinktest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/sinks"
)

// Canary is the delivered value. No error may contain it.
const Canary = "0ca9a12f0ca9a12f0ca9a12f0ca9a12f0ca9a12f"

// older is another value of the same form.
const older = "1111111111111111111111111111111111111111"

// Suite describes one kind to the contract.
type Suite struct {
	Kind sinks.Kind
	// Config creates a target and returns the keys of a sink for it in TOML. The
	// text must contain ${c.token} at least once. The target is empty, or
	// contains the value of another token.
	Config func(t testing.TB) string
	// Bad is a value that the sink refuses and that contains Canary; empty if it
	// refuses none.
	Bad string
}

// Run checks the kind against the contract.
func Run(t *testing.T, s Suite) {
	t.Helper()
	for _, part := range []struct {
		name string
		run  func(*subject)
	}{
		{"writes a value once", (*subject).once},
		{"keeps what it has", (*subject).keeps},
		{"ends when told", (*subject).ends},
		{"says what it holds", (*subject).says},
		{"has a name and a hook", (*subject).named},
	} {
		t.Run(part.name, func(t *testing.T) {
			part.run(&subject{T: t, Suite: s, config: s.Config(t)})
		})
	}
}

// subject runs one part of the contract.
type subject struct {
	*testing.T
	Suite
	config string
}

func (p *subject) open(extra string) sinks.Binding {
	p.Helper()
	return Open(p, p.Kind, extra+"\n"+p.config)
}

// deliver delivers and expects success, predicted correctly by a Forecaster.
func (p *subject) deliver(b sinks.Binding, value string, want bool) {
	p.Helper()
	if f, ok := b.Sink.(sinks.Forecaster); ok {
		if got, err := f.WouldChange(p.Context(), set(value)); err != nil || got != want {
			p.Errorf("WouldChange: %v, want %v, %v", got, want, err)
		}
	}
	if got, err := b.Sink.Deliver(p.Context(), set(value)); err != nil || got != want {
		p.Errorf("Deliver: changed %v, want %v, %v", got, want, err)
	}
}

func (p *subject) once() {
	b := p.open("")
	if f, ok := b.Sink.(credential.Preflighter); ok {
		if err := f.Preflight(p.Context()); err != nil {
			p.Error(err)
		}
	}
	for range 2 {
		p.deliver(b, Canary, true)
		p.deliver(b, Canary, false)
		p.deliver(b, older, true)
	}
}

// keeps expects a fault for what cannot be delivered, and the old value
// afterwards.
func (p *subject) keeps() {
	b := p.open("")
	p.deliver(b, Canary, true)
	for name, with := range map[string]credential.Set{
		"nothing": {}, "another credential": {"other": set(Canary)["c"]}, "an empty value": set(""), "a bad value": set(p.Bad),
	} {
		changed, err := b.Sink.Deliver(p.Context(), with)
		if f, ok := errors.AsType[*credential.Fault](err); !ok || changed || strings.Contains(f.Error(), Canary) {
			p.Errorf("%s: changed %v, %v", name, changed, err)
		}
	}
	p.deliver(b, Canary, false)
}

func (p *subject) ends() {
	b := p.open("")
	p.deliver(b, Canary, true)
	ctx, cancel := context.WithCancel(p.Context())
	cancel()
	changed, err := b.Sink.Deliver(ctx, set(older))
	f, ok := errors.AsType[*credential.Fault](err)
	if changed || !ok || f.Reason != credential.ReasonCancelled || !errors.Is(err, context.Canceled) {
		p.Errorf("Deliver: changed %v, %v", changed, err)
	}
	p.deliver(b, Canary, false)
}

// says checks the sinks.Inspector that the drift watcher uses.
func (p *subject) says() {
	b := p.open("")
	i, ok := b.Sink.(sinks.Inspector)
	if !ok {
		p.Skip("the sink is not an Inspector")
	}
	p.deliver(b, Canary, true)
	if got, err := i.Inspect(p.Context(), set(Canary)); err != nil || got.State != sinks.Same {
		p.Errorf("Inspect: got state %v, %v", got.State, err)
	}
	got, err := i.Inspect(p.Context(), set(older))
	if err != nil || got.State != sinks.Other || len(got.Found) == 0 {
		p.Errorf("Inspect: got state %v with %d values, %v", got.State, len(got.Found), err)
	}
	was, err := i.Values(set(Canary))
	if err != nil {
		p.Fatal(err)
	}
	for name, values := range got.Found {
		for _, v := range values {
			if !v.Equal(was[name]) {
				p.Errorf("Inspect returned a wrong value for %q", name)
			}
		}
	}
}

func (p *subject) named() {
	b := p.open("enforce = true\non_change = { command = [\"true\"], timeout = \"5s\" }")
	if b.Target == "" || b.Target != p.open("").Target || b.Hook == nil || !b.Enforce || len(b.Refs) == 0 {
		p.Errorf("got binding %+v", b)
	}
	for _, ref := range b.Refs {
		if ref.Credential != "c" || ref.Field != "token" || ref.Key == "" {
			p.Errorf("got reference %+v", ref)
		}
	}
}

// set returns one value of the credential in the suite's configuration.
func set(value string) credential.Set {
	at := time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)
	return credential.Set{"c": {
		Generation: 3, IssuedAt: at, ExpiresAt: at.Add(time.Hour),
		Values: map[string]credential.Secret{"token": credential.NewSecret(value)},
	}}
}
