package load

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strings"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
)

// Fleet reports the result of one table of rows.
type Fleet struct {
	Name string
	Good int      // rows that are used as the table has them
	Bad  []string // rows that are not, one per line: FILE:LINE: COLUMN: what is wrong
	// Problem says why the whole table could not be used. It is empty if it could.
	Problem string
}

// fleet is one table of rows with the objects made from it.
type fleet struct {
	config.Fleet
	made   plan.Hash // of everything the rows are made from, except the rows
	header []string
	rows   []*row // good and kept rows, in the order of the table; the kept ones last
	byName map[string]*row
	bad    []badRow
	// unnamed counts bad rows whose name could not be read.
	unnamed int
	problem string
	// unusable means the table makes the whole configuration unusable.
	unusable bool
	batch    []*row // read but not checked yet

	// The fields below are set for a fleet that was resumed: the current fleet, the
	// rows that differ from it by name (nil if removed), and the new and changed rows.
	base             *fleet
	over             map[string]*row
	changed, removed []*row
}

// find returns the row of that name, or nil.
func (f *fleet) find(name string) *row {
	if f.base == nil {
		return f.byName[name]
	}
	if r, differs := f.over[name]; differs {
		return r
	}
	return f.base.byName[name]
}

// batchRows is how many rows are opened before they are checked and their tables
// released.
const batchRows = 512

// row is one usable row.
type row struct {
	name string // FLEET/ROW
	file string
	line int
	at   int // its index among the rows of the fleet
	sum  uint64
	// kept means the row in the table is now bad, and this is its last good form.
	kept bool
	// fresh means the row was bound for this configuration; sealed means its specs
	// have this host's digests.
	fresh, sealed bool
	// bound is what the specs are made from. Unless the row refers to files, it is
	// released once they are made.
	bound      *boundRow
	credential *plan.Credential
	sinks      []*plan.Sink
	claims     [][]sinks.Claim // of each sink
	reals      []string        // the file of each sink, with links resolved
}

// boundRow is a row before its specs are made.
type boundRow struct {
	credential *boundCredential
	sinks      []*openSink
}

// badRow is one row that cannot be used.
type badRow struct {
	name   string // FLEET/ROW; empty if it could not be read
	twice  bool   // another row has the same name
	file   string
	line   int
	column string
	text   string
	// key and template name what is wrong if it is not a column; it may be wrong in
	// every row.
	key      string
	template *section.Template
}

func (b badRow) String() string {
	if b.column == "" {
		return fmt.Sprintf("%s:%d: %s", b.file, b.line, b.text)
	}
	return fmt.Sprintf("%s:%d: %s: %s", b.file, b.line, b.column, b.text)
}

// openFleet makes the rows of one fleet.
func (a *assembly) openFleet(c config.Fleet) {
	f := &fleet{Fleet: c, byName: map[string]*row{}}
	a.fleets = append(a.fleets, f)
	a.fleet[c.Name] = f
	if c.Section.Failed() || c.Credential == nil || c.Rows == "" {
		return
	}
	f.made = a.madeWith(c)
	was := a.was.fleet[c.Name]
	err := a.readRows(f, func(rec record) error {
		if a.addRow(f, was, rec); len(f.batch) >= batchRows {
			a.checkBatch(f)
		}
		return nil
	})
	a.checkBatch(f)
	if err != nil {
		a.unusableTable(f, was, err)
	}
}

// unusableTable reports that a table cannot be used. While its rows are in use, it
// keeps them; a fleet that never had rows stays empty until a good table appears.
func (a *assembly) unusableTable(f, was *fleet, err error) {
	line, path := 1, f.Rows
	if t, ok := err.(*tableError); ok { //nolint:errorlint // made here, never wrapped
		line = t.line
	}
	fault := section.Fault{File: f.Shown, Line: line, Key: "fleets." + f.Name + ".rows", Message: err.Error()}
	f.rows, f.bad, f.unnamed, f.byName = nil, nil, 0, map[string]*row{}
	if !a.starting && (was == nil || was.problem == "") {
		a.faults = append(a.faults, fault)
		f.unusable = true
		return
	}
	f.problem = fmt.Sprintf("%s:%d: %s", f.Shown, line, err)
	fault.Path = path
	a.MissingFaults = append(a.MissingFaults, fault)
}

// madeWith returns a digest of everything the rows of a fleet are made from,
// except the rows.
func (a *assembly) madeWith(c config.Fleet) plan.Hash {
	h := newHash().any(c.Credential.Written()).any(c.RowName).texts(c.Name, a.Config.Pace().Written())
	for _, t := range c.Sinks {
		h.texts(t.Name()).any(t.Written())
	}
	for _, p := range a.providers {
		h.texts(p.Name).number(p.serial).any(len(p.stale)).any(len(p.missing))
	}
	return h.sum()
}

// addRow adds one row of the table.
func (a *assembly) addRow(f, was *fleet, rec record) {
	if f.Section.Failed() {
		return // the templates name missing columns
	}
	name, problem := f.nameOf(rec)
	if problem == nil && rec.problem != "" {
		problem = &badRow{name: name, file: rec.file, line: rec.line, text: rec.problem}
	}
	if problem == nil && f.byName[name] != nil {
		problem = &badRow{twice: true, file: rec.file, line: rec.line, column: f.nameColumn(), text: fmt.Sprintf("%q is the name of the row at line %d already (expected each name once)", strings.TrimPrefix(name, f.Name+"/"), f.byName[name].line)}
	}
	if problem != nil {
		if problem.name == "" && !problem.twice {
			f.unnamed++
		}
		f.bad = append(f.bad, *problem)
		return
	}
	sum := a.sumOf(rec)
	if was != nil && was.made == f.made && slices.Equal(was.header, f.header) {
		if old := was.byName[name]; old != nil && !old.kept && old.sum == sum && old.bound == nil {
			same := *old
			same.line, same.file, same.fresh = rec.line, rec.file, false
			f.add(&same)
			return
		}
	}
	f.add(a.bindRow(f, name, rec, sum))
}

// add adds a row that will be checked with its batch.
func (f *fleet) add(r *row) {
	f.batch = append(f.batch, r)
	f.byName[r.name] = r
}

func (f *fleet) put(r *row) {
	r.at = len(f.rows)
	f.rows = append(f.rows, r)
	f.byName[r.name] = r
}

// nameOf returns the name of a row's credential, or why it is bad.
func (f *fleet) nameOf(rec record) (string, *badRow) {
	missing := ""
	text := f.RowName.Fill(func(column string) string {
		v, ok := f.value(rec, column)
		if !ok {
			missing = column
		}
		return v
	})
	bad := &badRow{file: rec.file, line: rec.line, column: f.nameColumn()}
	text = strings.ToLower(text)
	switch {
	case missing != "" && rec.problem != "":
		bad.text, bad.column = rec.problem, ""
	case missing != "":
		bad.text = fmt.Sprintf("has no value (expected the column %s, which names the row)", missing)
	case !config.ValidName(text):
		bad.text = fmt.Sprintf("%q is not a valid name (expected letters, digits, _ and -, at most 64, the first a letter or a digit)", text)
	default:
		return f.Name + "/" + text, nil
	}
	return "", bad
}

func (f *fleet) nameColumn() string {
	if columns := f.RowName.Columns(); len(columns) > 0 {
		return columns[0]
	}
	return ""
}

// value returns the text of one column.
func (f *fleet) value(rec record, column string) (string, bool) {
	if rec.values != nil {
		v, ok := rec.values[column]
		return v, ok
	}
	if i := slices.Index(f.header, column); i >= 0 && i < len(rec.fields) {
		return rec.fields[i], true
	}
	return "", false
}

// sumOf returns a digest of the text of a row.
func (a *assembly) sumOf(rec record) uint64 {
	var h maphash.Hash
	h.SetSeed(a.seed)
	for _, v := range rec.fields {
		h.WriteString(v)
		h.WriteByte(0)
	}
	if rec.values == nil {
		return h.Sum64()
	}
	for _, key := range slices.Sorted(maps.Keys(rec.values)) {
		h.WriteString(key)
		h.WriteByte(1)
		h.WriteString(rec.values[key])
		h.WriteByte(0)
	}
	return h.Sum64()
}

// bindRow fills the templates of a fleet and opens what they describe.
func (a *assembly) bindRow(f *fleet, name string, rec record, sum uint64) *row {
	r := &row{name: name, file: rec.file, line: rec.line, sum: sum, fresh: true, bound: &boundRow{}}
	filled := section.Row{File: rec.file, Line: rec.line, Name: name, Column: func(column string) string { v, _ := f.value(rec, column); return v }}
	s := f.Credential.Fill([]string{"credentials", name}, filled)
	provider := s.Daemon().Required("provider")
	c := &boundCredential{
		object: object{section: s}, provider: a.provider[provider],
		Credential: config.Credential{Name: name, Provider: provider, Policy: a.Config.Pace().Policy(provider, s), Section: s, OnFailure: config.ReadOnFailure(s.Daemon())},
	}
	a.bindTo(c)
	r.bound.credential = c
	for _, t := range f.Sinks {
		s := t.Fill([]string{"sinks", name + "/" + t.Name()}, filled)
		o := &openSink{object: object{section: s}, Sink: config.Sink{Name: name + "/" + t.Name(), Type: s.Required("type"), Section: s}}
		a.open(o)
		r.bound.sinks = append(r.bound.sinks, o)
		r.claims = append(r.claims, o.binding.Claims)
	}
	return r
}

// template returns the template from which a table of a row was made.
func (f *fleet) template(path string) *section.Template {
	if strings.HasPrefix(path, "credentials.") {
		return f.Credential
	}
	for _, t := range f.Sinks {
		if strings.HasSuffix(path, "/"+t.Name()+`"`) {
			return t
		}
	}
	return f.Credential
}
