package sinktest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
)

// Files describes one kind of sink that keeps a file.
type Files struct {
	Kind sinks.Kind
	// Config contains the keys of the section in TOML, without path. The text
	// must contain ${c.token} at least once.
	Config string
	// Old is content that the sink accepts; OLD in it marks the value.
	Old string
	// Wrong is content that the sink refuses; empty if it refuses none.
	Wrong string
	// Bad is a value that the sink refuses and that contains Canary; empty if it
	// refuses none.
	Bad string
	// NeedsFile means that a missing file is an error.
	NeedsFile bool
}

// RunFiles checks a kind that keeps a file against the contract of all sinks
// and that of files. It runs on a virtual clock, so that waiting for another
// program's save costs nothing.
func RunFiles(t *testing.T, s Files) {
	t.Helper()
	Run(t, Suite{Kind: s.Kind, Bad: s.Bad, Config: func(t testing.TB) string {
		path := filepath.Join(t.TempDir(), "target")
		if err := os.WriteFile(path, []byte(strings.ReplaceAll(s.Old, "OLD", older)), 0o600); err != nil {
			t.Fatal(err)
		}
		return "path = '" + path + "'\n" + s.Config
	}})
	for _, part := range []struct {
		name string
		run  func(*rig)
	}{
		{"delivers once", delivers},
		{"replaces an older value", replaces},
		{"wants every field", wantsFields},
		{"refuses an empty value", refusesEmpty},
		{"refuses a value it cannot carry", refusesBad},
		{"refuses content it does not understand", refusesWrong},
		{"creates a missing file", creates},
		{"gives a new file the mode", givesMode},
		{"keeps the mode", keepsMode},
		{"keeps the owner", keepsOwner},
		{"gives the owner", givesOwner},
		{"wants a known owner", wantsOwner},
		{"follows a link", followsLink},
		{"refuses a planted link", refusesPlantedLink},
		{"refuses a folder", refusesFolder},
		{"wants the folder", wantsFolder},
		{"bears a read-only file", readOnlyFile},
		{"bears a read-only folder", readOnlyFolder},
		{"bears a read-only file and folder", readOnlyBoth},
		{"ends with its context", ends},
		{"inspects", inspects},
		{"reads the common keys", readsKeys},
	} {
		t.Run(part.name, func(t *testing.T) {
			dir := t.TempDir()
			// Other users may enter, for the parts that act as another user.
			for _, d := range []string{dir, filepath.Dir(dir)} {
				if err := os.Chmod(d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			synctest.Test(t, func(t *testing.T) {
				part.run(&rig{T: t, Files: s, dir: dir, path: filepath.Join(dir, "target")})
			})
		})
	}
}

// rig runs one part of the contract.
type rig struct {
	*testing.T
	Files
	dir, path string
	last      *credential.Fault // the last valid fault
}

func (r *rig) section(extra string) *section.Section {
	r.Helper()
	text := "path = '" + r.path + "'\n" + extra + "\n" + r.Config
	s, err := section.Parse("sinks.it", text)
	if err != nil {
		r.Fatalf("%v in\n%s", err, text)
	}
	return s
}

// open opens the sink with more TOML keys.
func (r *rig) open(extra string) sinks.Binding {
	r.Helper()
	s := r.section(extra)
	b := r.Kind.Open(s, sinks.Env{})
	for _, f := range s.Finish() {
		r.Fatal(f)
	}
	return b
}

// put writes what another program left.
func (r *rig) put(text string, mode fs.FileMode) {
	r.Helper()
	if err := os.WriteFile(r.path, []byte(text), 0o600); err != nil {
		r.Fatal(err)
	}
	if err := os.Chmod(r.path, mode); err != nil {
		r.Fatal(err)
	}
}

// old returns valid content with a value.
func (r *rig) old(value string) string { return strings.ReplaceAll(r.Old, "OLD", value) }

// wantHolds fails unless the file contains the text, and the folder only the
// names.
func (r *rig) wantHolds(text string, names ...string) {
	r.Helper()
	got, err := os.ReadFile(r.path)
	if err != nil || string(got) != text {
		r.Errorf("got file content %q, want %q, %v", got, text, err)
	}
	r.wantNames(append(names, filepath.Base(r.path))...)
}

func (r *rig) wantNames(names ...string) {
	r.Helper()
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		r.Fatal(err)
	}
	slices.Sort(names)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, names) {
		r.Errorf("got files %q, want %q", got, names)
	}
}

// deliver delivers and expects success.
func (r *rig) deliver(b sinks.Binding, value string, changed bool) {
	r.Helper()
	r.forecast(b, value, changed)
	got, err := b.Sink.Deliver(r.Context(), set(value))
	if err != nil || got != changed {
		r.Errorf("Deliver: changed %v, want %v, %v", got, changed, err)
	}
	r.forecast(b, value, false)
}

// forecast expects a correct prediction of a delivery, without changes.
func (r *rig) forecast(b sinks.Binding, value string, want bool) {
	r.Helper()
	f, ok := b.Sink.(sinks.Forecaster)
	if !ok {
		r.Fatal("the sink is not a Forecaster")
	}
	before := snapshot(r, r.dir)
	got, err := f.WouldChange(r.Context(), set(value))
	if err != nil || got != want {
		r.Errorf("WouldChange: %v, want %v, %v", got, want, err)
	}
	if after := snapshot(r, r.dir); !slices.Equal(before, after) {
		r.Errorf("WouldChange changed %q to %q", before, after)
	}
}

// fails delivers and expects a fault.
func (r *rig) fails(b sinks.Binding, with credential.Set, says string) {
	r.Helper()
	changed, err := b.Sink.Deliver(r.Context(), with)
	if err == nil || changed {
		r.Fatalf("Deliver: changed %v, %v; want an error that says %q", changed, err, says)
	}
	r.fault(err, says)
}

// fault expects a valid fault and stores it.
func (r *rig) fault(err error, says string) {
	r.Helper()
	f, ok := errors.AsType[*credential.Fault](err)
	if !ok {
		r.Fatalf("got %v, want a fault", err)
	}
	r.last = f
	if f.Reason != credential.ReasonInternal && !errors.Is(err, context.Canceled) {
		r.Errorf("fault %q has reason %s", f, f.Reason)
	}
	if !strings.Contains(f.Error(), says) {
		r.Errorf("fault %q does not contain %q", f, says)
	}
	for e := error(f); e != nil; e = errors.Unwrap(e) {
		for _, secret := range []string{Canary, older} {
			if strings.Contains(e.Error(), secret) {
				r.Errorf("fault %q contains a value", e)
			}
		}
	}
}

// preflight expects the preflight to succeed or to fail with a text, without
// changes.
func (r *rig) preflight(b sinks.Binding, says string) {
	r.Helper()
	p, ok := b.Sink.(credential.Preflighter)
	if !ok {
		r.Fatal("the sink is not a Preflighter")
	}
	before := snapshot(r, r.dir)
	err := p.Preflight(r.Context())
	if after := snapshot(r, r.dir); !slices.Equal(before, after) {
		r.Errorf("Preflight changed %q to %q", before, after)
	}
	switch {
	case says == "" && err != nil:
		r.Errorf("Preflight: %v", err)
	case says != "" && err == nil:
		r.Errorf("got no error from Preflight, but Deliver fails with %q", says)
	case says != "":
		r.fault(err, says)
	}
}

// snapshot describes everything in a folder, including change times.
func snapshot(r *rig, dir string) []string {
	r.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text, _ := os.ReadFile(path)
		all = append(all, path+" "+info.Mode().String()+" "+info.ModTime().String()+" "+string(text))
		return nil
	})
	if err != nil {
		r.Fatal(err)
	}
	return all
}
