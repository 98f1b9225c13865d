package load

import (
	"context"
	"path/filepath"
	"time"

	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/realpath"
	"github.com/vigented/vigente/sinks"
)

// realTime bounds how long a load waits for the links of all paths. A path on a
// file system that hangs stays as it is.
const realTime = 2 * time.Second

// checkSinks reports references to nothing, sinks that show nothing, and sinks
// that would write over each other or over what is the daemon's.
func (a *assembly) checkSinks() {
	targets := map[string]*target{}
	own := a.ownFiles()
	var paths []string
	for _, o := range a.sinks {
		if o.binding.File != "" {
			paths = append(paths, o.binding.File)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), realTime)
	defer cancel()
	a.places = devices.ResolveAll(ctx, a.opt.Devices, paths)
	for _, o := range a.sinks {
		read := o.good() // a wrong reference leaves the file's name right
		a.checkRefs(o)
		if !read || o.binding.Target == "" {
			continue
		}
		path := o.binding.Target
		if o.binding.File != "" {
			path, o.device = a.places[o.binding.File].Path, a.places[o.binding.File].Mount.Device
		}
		if what := own[path]; what != "" {
			o.section.Faultf("path", "is %s (expected a file of its own)", what)
			continue
		}
		t := targets[path]
		if t == nil {
			t = &target{parts: map[string]*openSink{}}
			targets[path] = t
		}
		for _, claim := range claims(o.binding) {
			t.claim(o, claim)
		}
	}
}

// target is one file and who manages which part of it.
type target struct {
	whole *openSink
	parts map[string]*openSink
	first *openSink
}

// claims returns the parts that a sink manages; one that names none has all.
func claims(b sinks.Binding) []sinks.Claim {
	if len(b.Claims) == 0 {
		return []sinks.Claim{{}}
	}
	return b.Claims
}

// claim takes a part of the file for a sink or reports who has it.
func (t *target) claim(o *openSink, c sinks.Claim) {
	key := c.Key
	if key == "" {
		key = "path"
	}
	if t.first == nil {
		t.first = o
	}
	other := t.whole
	if other == nil && c.Part == "" && t.first != o {
		other = t.first
	}
	if other != nil && other != o {
		o.section.Faultf("path", "is the file of %s at %s, and one of the two manages the whole file (expected different files)",
			other.section.Path(), other.section.Place())
		return
	}
	if c.Part == "" {
		t.whole = o
		return
	}
	other = t.parts[c.Part]
	switch {
	case other == nil:
		t.parts[c.Part] = o
	case other == o:
		o.section.Faultf(key, "manages the same key of the file as another line of this table (expected each key once)")
	default:
		o.section.Faultf(key, "manages the same key of the same file as %s at %s (expected one sink for each key)",
			other.section.Path(), other.section.Place())
	}
}

// ownFiles are the files that no sink may replace, each with what it is.
func (a *assembly) ownFiles() map[string]string {
	own := map[string]string{}
	d := a.Config.Daemon
	add := func(path, what string) {
		if path != "" {
			own[realpath.Of(path)] = what
		}
	}
	for _, path := range a.Config.SourceFiles() {
		add(path, "a file of the configuration")
	}
	if d.StateDir != "" {
		add(d.StateDir, "the folder of the state")
		for _, name := range []string{"state.db", "state.sealed", "lock", "control.sock"} {
			add(filepath.Join(d.StateDir, name), "a file of the state")
		}
	}
	add(d.ControlSocket, "the control socket")
	return own
}
