package sinkfiles

import (
	"context"
	"reflect"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

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

// TestManyFilesAreWatchedOnceReady: with few files watches are made at once; with many when
// the daemon is ready, or soon.
func TestManyFilesAreWatchedOnceReady(t *testing.T) {
	for _, c := range []struct {
		files       int
		ready, want time.Duration
	}{{sweptFirst, time.Hour, 0}, {sweptFirst + 1, time.Second, time.Second}, {sweptFirst + 1, time.Hour, latestWatch}} {
		synctest.Test(t, func(t *testing.T) {
			var change plan.Difference[plan.Sink]
			for i := range c.files {
				change.Added = append(change.Added, &plan.Sink{Name: strconv.Itoa(i), File: "/none/" + strconv.Itoa(i), Guard: anyGuard{}})
			}
			f := New(devices.New(), nil)
			f.Install(change)
			ready := make(chan struct{})
			time.AfterFunc(c.ready, func() { close(ready) })
			begun := time.Now()
			f.leaveStart(t.Context(), ready)
			if got := time.Since(begun); got != c.want {
				t.Errorf("%d files, ready after %s: watched after %s, want %s", c.files, c.ready, got, c.want)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			begun = time.Now()
			f.leaveStart(ctx, nil)
			if got := time.Since(begun); got != 0 {
				t.Errorf("%d files: a daemon that stops waits for %s, want 0", c.files, got)
			}
		})
	}
}
