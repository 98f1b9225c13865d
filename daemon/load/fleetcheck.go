package load

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
)

// Limits of the guard against a table that has lost its rows.
const (
	guardedFrom = 20 // rows in use
	guardedPart = 2  // at most one row in guardedPart may change
)

// lateRow is a row that refers to one that has not been read yet.
type lateRow struct {
	fleet *fleet
	row   *row
}

// checkBatch checks the rows read since the last call, in order, and makes the
// specs of the good ones.
func (a *assembly) checkBatch(f *fleet) {
	var opened []*openSink
	for _, r := range f.batch {
		if r.bound != nil {
			opened = append(opened, r.bound.sinks...)
		}
	}
	a.follow(opened)
	for _, r := range f.batch {
		if a.refersAhead(r) {
			a.late = append(a.late, lateRow{f, r})
			continue
		}
		a.admit(f, r)
	}
	f.batch = f.batch[:0]
}

func (a *assembly) admit(f *fleet, r *row) {
	if bad := a.checkRow(f, r); bad != nil {
		delete(f.byName, r.name)
		f.bad = append(f.bad, *bad)
		return
	}
	if r.fresh {
		a.finishRow(f, r)
	}
	r.at = len(f.rows)
	f.rows = append(f.rows, r)
}

// refersAhead reports whether a row refers to a row that has not been read.
func (a *assembly) refersAhead(r *row) bool {
	ahead := func(name string) bool { return name != r.name && strings.Contains(name, "/") && a.row(name) == nil }
	if r.bound == nil {
		return slices.ContainsFunc(r.credential.Needs, ahead) ||
			slices.ContainsFunc(r.sinks, func(s *plan.Sink) bool { return slices.ContainsFunc(s.Needs, ahead) })
	}
	return slices.ContainsFunc(r.bound.credential.binding.Needs, ahead) || slices.ContainsFunc(r.bound.sinks, func(o *openSink) bool {
		return slices.ContainsFunc(o.binding.Refs, func(ref credential.RefAt) bool { return ahead(ref.Credential) })
	})
}

// checkRows finishes the check of the rows of all fleets after all were read.
func (a *assembly) checkRows() {
	for _, l := range a.late {
		a.admit(l.fleet, l.row)
	}
	for _, f := range a.fleets {
		a.blameTemplate(f)
	}
	for _, f := range a.fleets {
		was := a.was.fleet[f.Name]
		a.keepRows(f, was)
		a.guardRows(f, was)
		a.reportRows(f)
	}
	for name, was := range a.was.fleet {
		if a.fleet[name] == nil && len(was.rows) >= guardedFrom && !a.accept.Removals {
			a.faults = append(a.faults, section.Fault{File: a.Config.Path, Line: 1, Key: "fleets." + name, Message: heldBack("remove all", len(was.rows), len(was.rows), "--accept-removals")})
		}
	}
}

// checkRow returns why a row is bad, or nil if it is good.
func (a *assembly) checkRow(f *fleet, r *row) *badRow {
	if r.bound == nil {
		return a.checkUnchanged(f, r)
	}
	c := r.bound.credential
	a.checkNeed(c)
	a.checkIdentity(r, c)
	for _, o := range r.bound.sinks {
		a.checkRefs(o)
		a.checkClaims(o, r.owner(o.Name))
	}
	if bad := f.firstFault(r, &c.object); bad != nil {
		a.releaseClaims(r)
		return bad
	}
	for _, o := range r.bound.sinks {
		if bad := f.firstFault(r, &o.object); bad != nil {
			a.releaseClaims(r)
			return bad
		}
	}
	return nil
}

// checkUnchanged checks an unchanged row against everything else, which may have
// changed.
func (a *assembly) checkUnchanged(f *fleet, r *row) *badRow {
	bad := func(format string, args ...any) *badRow {
		a.releaseClaims(r)
		return &badRow{name: r.name, file: r.file, line: r.line, text: fmt.Sprintf(format, args...)}
	}
	if id := r.credential.Identity; id != "" && strings.Contains(id, " ") {
		if other, ok := a.own(identity{r.credential.Type, strings.TrimPrefix(id, r.credential.Type+" ")}, r.owner(r.name)); !ok {
			return bad("is the same thing at the backend as %s at %s (expected one row for it)", other.name, other.place())
		}
	}
	for _, need := range r.credential.Needs {
		if a.lookup(need) == nil {
			return bad("there is no credential %q", need)
		}
	}
	for i, s := range r.sinks {
		for _, need := range s.Needs {
			if need != r.name && a.lookup(need) == nil {
				return bad("there is no credential %q", need)
			}
		}
		if problem := a.claimAll(r.owner(s.Name), r.reals[i], r.claims[i]); problem != "" {
			return bad("%s", problem)
		}
	}
	return nil
}

// finishRow makes the specs of a row and releases its tables. It also releases what
// the specs are made from, unless the row refers to files, whose content may differ
// at the next load.
func (a *assembly) finishRow(f *fleet, r *row) {
	c := r.bound.credential
	for _, fault := range slices.Concat(c.section.Faults(), onlyIn(c.missing, c.section.Faults())) {
		if fault.Missing() {
			a.MissingFaults = append(a.MissingFaults, fault)
		}
	}
	a.Slips = append(a.Slips, c.section.Slips()...)
	c.section.Recycle()
	c.section = nil
	if a.opt.CheckOnly {
		a.keepLittle(r)
		return
	}
	c.make(a.at)
	r.credential = c.spec
	for _, o := range r.bound.sinks {
		o.section.Recycle()
		o.section = nil
		o.make(a.opt.Devices, a.key)
		if o.real == o.spec.File {
			o.real = o.spec.File // the same text is held once
		}
		r.reals, r.sinks = append(r.reals, o.real), append(r.sinks, o.spec)
	}
	if !c.refers {
		r.bound = nil
	}
	if n := len(f.rows); n > 0 {
		r.shareWith(f.rows[n-1])
	}
}

// shareWith uses what another row has in common with it, because most rows of a fleet
// differ in a few texts only.
func (r *row) shareWith(o *row) {
	if is, was := r.credential, o.credential; is.Common.Equal(was.Common) {
		is.Common = was.Common
	}
	if slices.EqualFunc(r.claims, o.claims, slices.Equal[[]sinks.Claim]) {
		r.claims = o.claims
	}
}

// keepLittle keeps only what checks of other rows ask for.
func (a *assembly) keepLittle(r *row) {
	c := r.bound.credential
	for _, o := range r.bound.sinks {
		o.section.Recycle()
	}
	spec := &plan.Credential{Provider: c.Credential.Provider, Common: &plan.Common{Fields: c.binding.Fields}, Needs: c.binding.Needs}
	for _, f := range c.absent() {
		spec.Missing = append(spec.Missing, plan.Missing{Key: f.Key, Path: f.Path, Message: f.Message})
	}
	if last := a.little; last != nil && len(spec.Needs)+len(spec.Missing) == 0 && last.Provider == spec.Provider && slices.Equal(last.Fields, spec.Fields) {
		spec = last
	}
	a.little, r.credential, r.bound, r.claims = spec, spec, nil, nil
}

// identitiesOf returns the identities of a row with their owners.
func (a *assembly) identitiesOf(r *row) map[identity]string {
	if r.bound != nil {
		if id, known := r.bound.credential.identity(); known {
			return map[identity]string{id: r.name}
		}
		return nil
	}
	return map[identity]string{{r.credential.Type, strings.TrimPrefix(r.credential.Identity, r.credential.Type+" ")}: r.name}
}

// rowFile is the file of a sink of a row.
type rowFile struct{ sink, real string }

func (r *row) files() (files []rowFile) {
	if r.bound != nil {
		for _, o := range r.bound.sinks {
			files = append(files, rowFile{o.Name, o.real})
		}
		return files
	}
	for i, s := range r.sinks {
		files = append(files, rowFile{s.Name, r.reals[i]})
	}
	return files
}

// owner returns the row as an owner, under the name of its credential or of one of
// its sinks.
func (r *row) owner(name string) owner { return owner{name, r.file, r.line} }

// firstFault returns the bad row for the first fault of one of its tables.
func (f *fleet) firstFault(r *row, o *object) *badRow {
	faults := o.section.Faults()
	if o.complete {
		faults = o.section.Finish()
	}
	for _, fault := range faults {
		if fault.Missing() {
			continue
		}
		t := f.template(o.section.Path())
		key := strings.TrimPrefix(strings.TrimPrefix(fault.Key, o.section.Path()), ".")
		bad := &badRow{name: r.name, file: r.file, line: r.line, text: strings.ReplaceAll(fault.Message, "${"+r.name+".", "${this.")}
		if strings.Contains(bad.text, "${this.") {
			bad.text = strings.ReplaceAll(bad.text, fmt.Sprintf("credential %q", r.name), "its credential")
			bad.key, bad.template = key, t
		} else if columns := t.ColumnsOf(key); len(columns) > 0 {
			bad.column = columns[0]
			bad.text += spreadsheet(fault.Message, o.section, key)
		} else {
			bad.key, bad.template = key, t
		}
		return bad
	}
	return nil
}

var scientific = regexp.MustCompile(`^[0-9]+([.,][0-9]+)?[eE]\+?[0-9]+$`)

// spreadsheet says how a spreadsheet seems to have changed a number.
func spreadsheet(message string, s *section.Section, key string) string {
	text := strings.TrimSpace(s.AsWritten(key))
	digits := len(text) > 0 && strings.Trim(text, "0123456789") == ""
	number := strings.Contains(message, "CNPJ") || strings.Contains(message, "CPF") || strings.Contains(key, "cnpj") || strings.Contains(key, "numero")
	switch {
	case scientific.MatchString(text):
		return fmt.Sprintf("; a spreadsheet turned the number into %s: format the column as text and enter it again", text)
	case digits && number && (len(text) == 12 || len(text) == 13 || len(text) == 9 || len(text) == 10):
		return fmt.Sprintf("; it has %d digits, so a spreadsheet has probably dropped a leading zero: format the column as text and enter it again", len(text))
	}
	return ""
}

// blameTemplate replaces a fault that every row has, and that no column causes, by
// one fault of the template.
func (a *assembly) blameTemplate(f *fleet) {
	if len(f.rows) > 0 || len(f.bad) == 0 {
		return
	}
	first := f.bad[0]
	for _, b := range f.bad {
		if b.template == nil || b.template != first.template || b.key != first.key || b.text != first.text {
			return
		}
	}
	a.faults = append(a.faults, first.template.Fault(first.key, first.text))
}

// keepRows keeps the last good form of current rows that are now bad.
func (a *assembly) keepRows(f, was *fleet) {
	if was == nil || f.problem != "" || f.unusable {
		return
	}
	keep := func(old *row, b *badRow) {
		kept := *old
		kept.kept, kept.fresh = true, false
		f.put(&kept)
		if b != nil {
			b.name = old.name
		}
	}
	for i := range f.bad {
		b := &f.bad[i]
		if old := was.byName[b.name]; b.name != "" && old != nil && f.byName[b.name] == nil {
			keep(old, b)
		}
	}
	if f.unnamed == 0 {
		return
	}
	// Some rows have unreadable names. They are among the rows that seem to be gone,
	// most likely those at the same lines.
	var gone []*row
	for _, old := range was.rows {
		if f.byName[old.name] == nil {
			gone = append(gone, old)
		}
	}
	lines := map[int]bool{}
	for _, b := range f.bad {
		if b.name == "" {
			lines[b.line] = true
		}
	}
	for _, old := range gone {
		if len(gone) <= f.unnamed || lines[old.line] {
			keep(old, nil)
		}
	}
}

// guardRows refuses a change that would remove most rows of a fleet, or give most of
// them another identity at their backends.
func (a *assembly) guardRows(f, was *fleet) {
	if was == nil || len(was.rows) < guardedFrom || f.problem != "" || f.unusable {
		return
	}
	removed, others := 0, 0
	for _, old := range was.rows {
		switch is := f.byName[old.name]; {
		case is == nil:
			removed++
		case is.credential.Identity != "" && old.credential.Identity != "" && is.credential.Identity != old.credential.Identity:
			others++
		}
	}
	fault := func(text string) {
		a.faults = append(a.faults, f.Section.FaultAt("rows", "%s", text))
	}
	if removed*guardedPart > len(was.rows) && !a.accept.Removals {
		fault(heldBack("remove", removed, len(was.rows), "--accept-removals"))
	}
	if others*guardedPart > len(was.rows) && !a.accept.Identities {
		fault(heldBack("give another identity to", others, len(was.rows), "--accept-identities"))
	}
}

func heldBack(what string, n, of int, flag string) string {
	return fmt.Sprintf("the change would %s %d of the %d rows in force, so it is held back (expected vigente reload %s, if that is what you want)", what, n, of, flag)
}

// reportRows reports the result of each row.
func (a *assembly) reportRows(f *fleet) {
	a.faults = append(a.faults, f.Section.Finish()...)
	slices.SortStableFunc(f.bad, func(a, b badRow) int { return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(a.line, b.line)) })
	told := Fleet{Name: f.Name, Problem: f.problem}
	for _, r := range f.rows {
		if !r.kept {
			told.Good++
		}
	}
	for _, b := range f.bad {
		told.Bad = append(told.Bad, b.String())
		if f.Refuse {
			a.faults = append(a.faults, section.Fault{File: b.file, Line: b.line, Key: orRow(b.column), Message: b.text})
		}
	}
	a.Fleets = append(a.Fleets, told)
}

func orRow(column string) string {
	if column == "" {
		return "row"
	}
	return column
}
