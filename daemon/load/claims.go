package load

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/realpath"
	"github.com/vigented/vigente/sinks"
)

// realTime limits how long a load waits for the links of all paths to be resolved.
// A path on a file system that hangs is used unresolved.
const realTime = 2 * time.Second

// checkSinks reports sinks that would overwrite each other or the daemon's own
// files.
func (a *assembly) checkSinks() {
	for _, o := range a.sinks {
		if o.good() {
			a.checkClaims(o, owner{name: o.section.Path(), file: o.section.Place()})
		}
	}
}

// follow resolves the links in the paths of sinks.
func (a *assembly) follow(opened []*openSink) {
	var paths []string
	for _, o := range opened {
		if o.binding.File != "" {
			paths = append(paths, o.binding.File)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), realTime)
	defer cancel()
	places := devices.ResolveAll(ctx, a.opt.Devices, paths)
	for _, o := range opened {
		o.real = o.binding.Target
		if o.binding.File != "" {
			o.real, o.device = places[o.binding.File].Path, places[o.binding.File].Mount.Device
		}
	}
}

// checkClaims claims the parts of its file for a sink, or reports who owns them.
func (a *assembly) checkClaims(o *openSink, by owner) {
	if o.real == "" {
		return
	}
	if what := a.ownFiles()[o.real]; what != "" {
		o.section.Faultf("path", "is %s (expected a file of its own)", what)
		return
	}
	for _, c := range claims(o.binding.Claims) {
		if problem := a.target(o.real).claim(by, c.Part); problem != "" {
			key := c.Key
			if key == "" || strings.HasPrefix(problem, "is the file") {
				key = "path"
			}
			o.section.Faultf(key, "%s", problem)
		}
	}
}

// claimAll claims parts of a file for a sink whose paths are resolved already.
func (a *assembly) claimAll(by owner, real string, list []sinks.Claim) (problem string) {
	if real == "" {
		return ""
	}
	if what := a.ownFiles()[real]; what != "" {
		return "path is " + what
	}
	for _, c := range claims(list) {
		if problem := a.target(real).claim(by, c.Part); problem != "" {
			return problem
		}
	}
	return ""
}

func (a *assembly) target(real string) *target {
	t := a.targets[real]
	if t == nil {
		t = &target{}
		a.targets[real] = t
	}
	return t
}

// releaseClaims releases everything that a row has claimed.
func (a *assembly) releaseClaims(r *row) {
	for id, who := range a.identitiesOf(r) {
		if a.identities[id].name == who {
			delete(a.identities, id)
		}
	}
	for _, f := range r.files() {
		if t := a.targets[f.real]; t != nil {
			t.release(f.sink)
		}
	}
}

// target is one file with the owners of its parts.
type target struct {
	whole owner
	parts []claimed
}

type claimed struct {
	part string
	by   owner
}

// claims returns the parts that a sink manages. A sink that names none owns the
// whole file.
func claims(list []sinks.Claim) []sinks.Claim {
	if len(list) == 0 {
		return []sinks.Claim{{}}
	}
	return list
}

// claim claims a part of the file, or says who owns it.
func (t *target) claim(by owner, part string) (problem string) {
	other := t.whole
	if i := slices.IndexFunc(t.parts, func(c claimed) bool { return c.by.name != by.name }); other.name == "" && part == "" && i >= 0 {
		other = t.parts[i].by
	}
	if other.name != "" && other.name != by.name {
		return fmt.Sprintf("is the file of %s at %s, and one of the two manages the whole file (expected different files)", other.name, other.place())
	}
	if part == "" {
		t.whole = by
		return ""
	}
	i := slices.IndexFunc(t.parts, func(c claimed) bool { return c.part == part })
	switch {
	case i < 0:
		t.parts = append(t.parts, claimed{part, by})
		return ""
	case t.parts[i].by.name == by.name:
		return "manages the same key of the file as another line of this table (expected each key once)"
	}
	return fmt.Sprintf("manages the same key of the same file as %s at %s (expected one sink for each key)", t.parts[i].by.name, t.parts[i].by.place())
}

// release releases what a sink has claimed.
func (t *target) release(name string) {
	if t.whole.name == name {
		t.whole = owner{}
	}
	t.parts = slices.DeleteFunc(t.parts, func(c claimed) bool { return c.by.name == name })
}

// ownFiles returns the daemon's own files, which no sink may replace, with what
// each one is.
func (a *assembly) ownFiles() map[string]string {
	if a.reserved != nil {
		return a.reserved
	}
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
	a.reserved = own
	return own
}
