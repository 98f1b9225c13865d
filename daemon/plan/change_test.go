package plan

import (
	"slices"
	"testing"
)

// TestBetween compares two plans. A spec without a hash is never equal.
func TestBetween(t *testing.T) {
	was := &Plan{
		Providers:   []Provider{{Name: "kept", Hash: Hash{1}}, {Name: "gone", Hash: Hash{2}}},
		Credentials: []Credential{{Name: "b", Hash: Hash{1}}, {Name: "a", Hash: Hash{1}}, {Name: "same", Hash: Hash{1}}},
		Sinks:       []Sink{{Name: "unhashed"}},
	}
	is := &Plan{
		Providers:   []Provider{{Name: "new", Hash: Hash{2}}, {Name: "kept", Hash: Hash{1}}},
		Credentials: []Credential{{Name: "b", Hash: Hash{2}}, {Name: "same", Hash: Hash{1}}, {Name: "a", Hash: Hash{3}}},
		Sinks:       []Sink{{Name: "unhashed"}},
	}
	c := Between(was, is)
	if got := keys(c.Providers.Added, (*Provider).key); !slices.Equal(got, []string{"new"}) || !slices.Equal(c.Providers.Removed, []string{"gone"}) || len(c.Providers.Changed) > 0 {
		t.Errorf("got providers %+v, want new added and gone removed", c.Providers)
	}
	if got := keys(c.Credentials.Changed, (*Credential).key); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("got changed credentials %q, want a and b", got)
	}
	if got := keys(c.Sinks.Changed, (*Sink).key); !slices.Equal(got, []string{"unhashed"}) {
		t.Errorf("got changed sinks %q, want the one without a hash", got)
	}
	if c.Empty() {
		t.Error("Empty is true for a change with content")
	}
}

// TestBetweenNothing: a start is the change from an empty plan, and equal plans have no
// change.
func TestBetweenNothing(t *testing.T) {
	is := &Plan{Sinks: []Sink{{Name: "a", Hash: Hash{1}}, {Name: "b", Hash: Hash{2}}}}
	if c := Between(&Plan{}, is); len(c.Sinks.Added) != 2 {
		t.Errorf("got %d sinks added at a start, want 2", len(c.Sinks.Added))
	}
	if c := Between(is, is); !c.Empty() {
		t.Errorf("got %+v between a plan and itself, want nothing", c)
	}
}
