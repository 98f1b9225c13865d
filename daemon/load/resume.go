package load

import (
	"errors"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/plan"
)

// Most loads change a few rows of a large table and nothing else. resume then
// keeps the current rows and binds only those whose text has changed. If any row is
// not simply good it gives up, and everything is read as at a start. Both ways give
// the same result.

// errResume means everything must be read as at a start.
var errResume = errors.New("more than a few good rows have changed")

// resumedPart limits resume to changes of at most one row in resumedPart.
const resumedPart = 4

// resume opens the fleets from the current ones, and reports whether it could.
func (a *assembly) resume(x *index) bool {
	if !a.resembles() || len(a.Config.Fleets) == 0 {
		return false
	}
	x.build(a.was)
	if x.crossed {
		return false
	}
	missing, slips := len(a.MissingFaults), len(a.Slips)
	delta := map[uint64]int32{}
	for _, c := range a.Config.Fleets {
		if !a.resumeFleet(c, x, delta) {
			for _, f := range a.fleets {
				for _, r := range f.changed {
					a.releaseClaims(r)
				}
			}
			a.fleets, a.fleet = nil, map[string]*fleet{}
			a.MissingFaults, a.Slips = a.MissingFaults[:missing], a.Slips[:slips]
			return false
		}
	}
	for _, f := range a.fleets {
		a.Fleets = append(a.Fleets, Fleet{Name: f.Name, Good: len(f.rows)})
	}
	a.resumed, a.delta = true, delta
	return true
}

// resembles reports whether everything but the rows is unchanged and good.
func (a *assembly) resembles() bool {
	was := a.was
	if a.starting || a.Config.Broken || len(a.faults) > 0 || a.Config.Hash != was.Config.Hash || a.accept != (Accept{}) ||
		len(was.MissingFaults) > 0 || len(was.Warnings) > 0 {
		return false
	}
	for _, f := range was.fleets {
		if len(f.bad) > 0 || f.problem != "" {
			return false
		}
	}
	for _, p := range a.providers {
		if p.fresh || len(p.missing)+len(p.stale) > 0 {
			return false
		}
	}
	for _, c := range a.credentials {
		if before := was.credential[c.Name]; before == nil || !c.good() || before.digest != c.digest || len(c.missing) > 0 {
			return false
		}
	}
	for _, s := range a.sinks {
		if before := was.sink[s.Name]; before == nil || !s.good() || before.digest != s.digest || before.real != s.real {
			return false
		}
	}
	return true
}

// resumeFleet opens one fleet from its current rows.
func (a *assembly) resumeFleet(c config.Fleet, x *index, delta map[uint64]int32) bool {
	was := a.was.fleet[c.Name]
	if was == nil || c.Section.Failed() || c.Credential == nil || was.made != a.madeWith(c) {
		return false
	}
	f := &fleet{Fleet: c, made: was.made, base: was, over: map[string]*row{}, rows: make([]*row, 0, len(was.rows))}
	a.fleets = append(a.fleets, f)
	a.fleet[c.Name] = f
	used := make([]bool, len(was.rows))
	next := 0
	if err := a.readRows(f, func(rec record) error {
		sum := a.sumOf(rec)
		old, err := f.match(was, rec, sum, next)
		switch {
		case err != nil:
			return err
		case old != nil && used[old.at]:
			return errResume // the name occurs twice
		case old != nil:
			used[old.at], next = true, old.at+1
		}
		return a.resumeRow(f, old, rec, sum)
	}); err != nil || f.Section.Failed() || !slices.Equal(f.header, was.header) {
		return false
	}
	for i, old := range was.rows {
		if !used[i] {
			f.removed, f.over[old.name] = append(f.removed, old), nil
		}
	}
	return len(f.removed)*resumedPart <= len(was.rows) && a.checkResumed(f, x, delta)
}

// match returns the current row of a record, or nil if the record is new.
func (f *fleet) match(was *fleet, rec record, sum uint64, next int) (*row, error) {
	if rec.problem != "" {
		return nil, errResume
	}
	if next < len(was.rows) && was.rows[next].sum == sum {
		return was.rows[next], nil
	}
	name, bad := f.nameOf(rec)
	if bad != nil || f.over[name] != nil {
		return nil, errResume
	}
	return was.byName[name], nil
}

// resumeRow keeps a current row, or binds it again if its text has changed.
func (a *assembly) resumeRow(f *fleet, old *row, rec record, sum uint64) error {
	at := len(f.rows)
	if old != nil && old.sum == sum {
		if old.at != at || old.line != rec.line || old.file != rec.file {
			moved := *old
			moved.at, moved.line, moved.file = at, rec.line, rec.file
			f.over[old.name], old = &moved, &moved
		}
		f.rows = append(f.rows, old)
		return nil
	}
	if len(f.changed)*resumedPart > len(f.base.rows) {
		return errResume
	}
	name, bad := f.nameOf(rec)
	if bad != nil {
		return errResume
	}
	r := a.bindRow(f, name, rec, sum)
	r.at = at
	f.over[name] = r
	f.rows, f.changed = append(f.rows, r), append(f.changed, r)
	return nil
}

// checkResumed checks the rows that were bound against each other and against the
// other tables, and by their hashes against all unchanged rows.
func (a *assembly) checkResumed(f *fleet, x *index, delta map[uint64]int32) bool {
	var opened []*openSink
	for _, r := range f.changed {
		opened = append(opened, r.bound.sinks...)
		if old := f.base.byName[r.name]; old != nil {
			x.each(old, func(hash uint64) { delta[hash]-- })
		}
	}
	for _, old := range f.removed {
		x.each(old, func(hash uint64) { delta[hash]-- })
	}
	a.follow(opened)
	for _, r := range f.changed {
		if a.refersAhead(r) || a.checkRow(f, r) != nil {
			return false
		}
		a.finishRow(f, r)
		clash := r.bound != nil || len(r.credential.Missing) > 0 || refersToRows(r)
		x.each(r, func(hash uint64) {
			clash = clash || x.taken[hash]+delta[hash] > 0
			delta[hash]++
		})
		if clash {
			return false
		}
	}
	return true
}

// refersToRows reports whether a row shows, or is derived from, another row.
func refersToRows(r *row) bool {
	other := func(name string) bool { return name != r.name && strings.Contains(name, "/") }
	return slices.ContainsFunc(r.credential.Needs, other) ||
		slices.ContainsFunc(r.sinks, func(s *plan.Sink) bool { return slices.ContainsFunc(s.Needs, other) })
}

// index counts, by hash, the identities and files that the current rows use.
type index struct {
	of    *Loaded
	seed  maphash.Seed
	taken map[uint64]int32
	// crossed means rows refer to each other or to files.
	crossed bool
}

// build builds the index of a configuration, unless it was built already.
func (x *index) build(d *Loaded) {
	if x.of == d {
		return
	}
	*x = index{of: d, seed: maphash.MakeSeed(), taken: map[uint64]int32{}}
	for _, f := range d.fleets {
		for _, r := range f.rows {
			x.crossed = x.crossed || r.bound != nil || r.kept || refersToRows(r)
			x.each(r, func(hash uint64) { x.taken[hash]++ })
		}
	}
}

// each calls f with the hash of each identity and file of a row.
func (x *index) each(r *row, f func(hash uint64)) {
	if id := r.credential.Identity; strings.Contains(id, " ") {
		f(maphash.String(x.seed, id))
	}
	for i, real := range r.reals {
		if real != "" && slices.Index(r.reals, real) == i {
			f(maphash.String(x.seed, real))
		}
	}
}

// adopt updates the index and the fleets when a resumed configuration becomes the
// current one.
func (x *index) adopt(d *Loaded) {
	for _, f := range d.fleets {
		if f.base == nil {
			continue
		}
		f.byName = f.base.byName
		for name, r := range f.over {
			if f.byName[name] = r; r == nil {
				delete(f.byName, name)
			}
		}
		f.base, f.over, f.changed, f.removed = nil, nil, nil, nil
	}
	if !d.resumed {
		*x = index{}
		return
	}
	x.of = d
	for hash, n := range d.delta {
		if x.taken[hash] += n; x.taken[hash] == 0 {
			delete(x.taken, hash)
		}
	}
	d.delta = nil
}
