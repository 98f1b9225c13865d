package sinkfiles

import (
	"context"
	"reflect"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/internal/devices"
)

// anyGuard is a guard that is never called.
type anyGuard struct{ plan.Guard }

func (anyGuard) Values(credential.Set) (map[string]string, error) { return nil, nil }

func (anyGuard) Inspect(context.Context, credential.Set, func(name, digest string) bool) (plan.Drift, error) {
	return plan.InPlace, nil
}

// TestSinkFilesFollowTheChange: a file is watched as long as any sink with a guard writes it,
// whichever sinks are added, moved or removed.
func TestSinkFilesFollowTheChange(t *testing.T) {
	sink := func(name, file string) *plan.Sink { return &plan.Sink{Name: name, File: file, Guard: anyGuard{}} }
	f := New(devices.New(), nil)
	for _, step := range []struct {
		change plan.Difference[plan.Sink]
		want   map[string][]string
	}{
		{
			plan.Difference[plan.Sink]{Added: []*plan.Sink{sink("a", "/x"), sink("b", "/x"), sink("c", "/y"), {Name: "blind", File: "/z"}}},
			map[string][]string{"/x": {"a", "b"}, "/y": {"c"}},
		},
		{
			plan.Difference[plan.Sink]{Changed: []*plan.Sink{sink("c", "/y"), sink("a", "/y")}, Was: []*plan.Sink{sink("c", "/y"), sink("a", "/x")}},
			map[string][]string{"/x": {"b"}, "/y": {"c", "a"}},
		},
		{
			plan.Difference[plan.Sink]{Removed: []string{"b"}, Was: []*plan.Sink{sink("b", "/x")}},
			map[string][]string{"/y": {"c", "a"}},
		},
	} {
		f.Install(step.change)
		got := map[string][]string{}
		for path := range f.byPath {
			got[path] = f.names([]string{path})
		}
		if !reflect.DeepEqual(got, step.want) {
			t.Errorf("got %v, want %v", got, step.want)
		}
	}
}
