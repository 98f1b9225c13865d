package sinktest

import (
	"context"
	"errors"
	"os"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/sinks"
)

// past returns a time at which no test writes.
func past() time.Time { return time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC) }

func delivers(r *rig) {
	r.put(r.old(older), 0o640)
	b := r.open("")
	r.preflight(b, "")
	r.deliver(b, Canary, true)
	r.wantHolds(r.old(Canary))
	if err := os.Chtimes(r.path, past(), past()); err != nil {
		r.Fatal(err)
	}
	before, err := os.Stat(r.path)
	if err != nil {
		r.Fatal(err)
	}
	r.deliver(b, Canary, false)
	after, err := os.Stat(r.path)
	if err != nil {
		r.Fatal(err)
	}
	if !after.ModTime().Equal(past()) || !os.SameFile(before, after) {
		r.Error("the second delivery modified the file")
	}
	r.wantHolds(r.old(Canary))
}

func replaces(r *rig) {
	r.put(r.old(older), 0o600)
	b := r.open("")
	r.deliver(b, Canary, true)
	r.deliver(b, older, true)
	r.wantHolds(r.old(older))
}

func wantsFields(r *rig) {
	r.put(r.old(older), 0o600)
	b := r.open("")
	r.fails(b, credential.Set{}, "${c.token} has no value")
	r.fails(b, credential.Set{"other": set(Canary)["c"]}, "${c.token} has no value")
	r.wantHolds(r.old(older))
}

func refusesEmpty(r *rig) {
	r.put(r.old(older), 0o600)
	r.fails(r.open(""), set(""), "${c.token} has no value")
	r.wantHolds(r.old(older))
}

func refusesBad(r *rig) {
	if r.Bad == "" {
		return
	}
	if !strings.Contains(r.Bad, Canary) {
		r.Fatal("Bad does not contain the canary")
	}
	r.put(r.old(older), 0o600)
	r.fails(r.open(""), set(r.Bad), "")
	r.wantHolds(r.old(older))
}

func refusesWrong(r *rig) {
	if r.Wrong == "" {
		return
	}
	r.put(r.Wrong+Canary, 0o600)
	b := r.open("")
	r.fails(b, set(older), r.path)
	r.wantHolds(r.Wrong + Canary)
	r.preflight(b, r.last.Error())
	if i, ok := b.Sink.(sinks.Inspector); ok {
		_, err := i.Inspect(r.Context(), set(older))
		r.fault(err, r.path)
	}
}

func ends(r *rig) {
	r.put(r.old(older), 0o600)
	b := r.open("")
	ctx, cancel := context.WithCancel(r.Context())
	cancel()
	changed, err := b.Sink.Deliver(ctx, set(Canary))
	if changed || !errors.Is(err, context.Canceled) {
		r.Errorf("Deliver: changed %v, %v", changed, err)
	}
	if r.fault(err, ""); r.last.Reason != credential.ReasonCancelled {
		r.Errorf("got reason %s", r.last.Reason)
	}
	if err := b.Sink.(credential.Preflighter).Preflight(ctx); !errors.Is(err, context.Canceled) {
		r.Errorf("Preflight: %v", err)
	}
	r.wantHolds(r.old(older))
}

// inspects checks the sinks.Inspector that the drift watcher uses.
func inspects(r *rig) {
	b := r.open("")
	i, ok := b.Sink.(sinks.Inspector)
	if !ok {
		r.Fatal("the sink is not an Inspector")
	}
	look := func(want sinks.State) sinks.Finding {
		r.Helper()
		got, err := i.Inspect(r.Context(), set(Canary))
		if err != nil || got.State != want {
			r.Errorf("Inspect: %v, want %v, %v", got.State, want, err)
		}
		if (got.State == sinks.Other) != (len(got.Found) > 0) {
			r.Errorf("state %v: got %d values", got.State, len(got.Found))
		}
		if g, ok := i.(sinks.Glancer); ok {
			if mark, same := g.Glance(set(Canary)); same != (want == sinks.Same) || same && mark != got.Mark {
				r.Errorf("Glance: got %v with mark %x; Inspect gives %v with mark %x", same, mark, got.State, got.Mark)
			}
		}
		return got
	}
	look(sinks.Missing)
	r.put(r.old(older), 0o600)
	found := look(sinks.Other).Found
	was, err := i.Values(set(older))
	if err != nil {
		r.Fatal(err)
	}
	for name, values := range found {
		for _, v := range values {
			if !v.Equal(was[name]) {
				r.Errorf("Inspect returned a wrong value for %q", name)
			}
		}
	}
	r.put(r.old(Canary), 0o600)
	look(sinks.Same)
	r.put(r.old(""), 0o600)
	look(sinks.Empty)
	if _, err := i.Inspect(r.Context(), credential.Set{}); err == nil {
		r.Error("Inspect accepted a set without the field")
	} else {
		r.fault(err, "has no value")
	}
	if _, err := i.Values(credential.Set{}); err == nil {
		r.Error("Values accepted a set without the field")
	}
}
