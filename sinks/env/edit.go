package env

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/sinks/filesink"
)

// MaxSize is the largest file that is edited.
const MaxSize = filesink.MaxSize

// Style names the program that reads the file.
type Style string

// The styles.
const (
	// Systemd is EnvironmentFile= of a systemd unit.
	Systemd Style = "systemd"
	// Shell is a POSIX shell or bash that reads the file with its dot command.
	Shell Style = "shell"
	// Docker is docker run --env-file.
	Docker Style = "docker"
)

// Pair is one variable and the value it shall have.
type Pair struct {
	Key   string
	Value credential.Secret
}

// assignment is one place in a file that gives a variable its value.
type assignment struct {
	key string
	// from and to bound the value as it is written, quotes and all.
	from, to int
	// prefix goes before a new value: what the old form lacks of KEY=.
	prefix string
	// value is what the reader makes of it, when literal says that the reader
	// computes nothing.
	value   string
	literal bool
	// doubt says why it cannot be told what the reader makes of it. Such a
	// variable is not edited.
	doubt string
}

// dialect is how one style is read and written.
type dialect struct {
	// readings are the ways in which versions of the reader see a file; what is
	// written must be right in all of them. They refuse a file whose
	// assignments cannot be told apart.
	readings []func(content []byte) ([]assignment, error)
	// quote writes a value so that the reader gets exactly that, or says why it
	// cannot; the error goes on from "the value for KEY".
	quote func(key, value string) (string, error)
	// lineEnd returns what ends an added line.
	lineEnd func(content []byte) string
	// dispute says why the readings of one file may differ, and the fix.
	dispute string
}

func (s Style) dialect() dialect {
	const unclear = "the file is not understood (give the sink a file of its own)"
	switch s {
	case Shell:
		return dialect{
			readings: []func([]byte) ([]assignment, error){readShell}, quote: quoteShell,
			lineEnd: func([]byte) string { return "\n" }, dispute: unclear,
		}
	case Docker:
		return dialect{
			readings: []func([]byte) ([]assignment, error){readDocker}, quote: quoteDocker,
			lineEnd: lineEnd, dispute: unclear,
		}
	case Systemd:
	}
	return dialect{
		readings: []func([]byte) ([]assignment, error){readSystemd, readOldSystemd}, quote: quoteSystemd, lineEnd: lineEnd,
		dispute: "a comment ends with a backslash, which versions of systemd read in different ways (remove that backslash)",
	}
}

// lineEnd is that of the first line.
func lineEnd(content []byte) string {
	if i := bytes.IndexByte(content, '\n'); i > 0 && content[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// Edit returns content with every pair set, such that the reader of that style
// gets exactly these values. Only the values of these variables change; every
// other byte stays. An assignment that already gives the value stays as it is
// written. A variable that stands several times is set everywhere; one that is
// absent gets a line at the end. It returns the same slice when nothing is to
// be changed. A file that is not understood, and a value that the style cannot
// carry, is a *Refusal.
//
// What is returned was read once more: it gives the wanted values, and gives
// every other variable what it had.
func Edit(content []byte, style Style, pairs []Pair) ([]byte, error) {
	d := style.dialect()
	if err := checkContent(content); err != nil {
		return nil, err
	}
	quoted, err := quoteAll(d, pairs)
	if err != nil {
		return nil, err
	}
	before, err := d.read(content)
	if err != nil {
		return nil, err
	}
	if err := doubts(content, before, pairs); err != nil {
		return nil, err
	}
	out, ok := apply(content, changes(before, pairs, quoted))
	if !ok {
		return nil, refusalf("%s", d.dispute)
	}
	if missing := absent(before, pairs, quoted); missing != nil {
		return d.append(out, missing, before, pairs)
	}
	if err := d.verify(out, before, pairs); err != nil {
		return nil, err
	}
	return out, nil
}

func quoteAll(d dialect, pairs []Pair) ([]string, error) {
	quoted := make([]string, len(pairs))
	for i, p := range pairs {
		if err := checkKey(p.Key); err != nil {
			return nil, refusalf("the variable %s", err)
		}
		if slices.ContainsFunc(pairs[:i], func(o Pair) bool { return o.Key == p.Key }) {
			return nil, refusalf("the variable %s is configured twice", p.Key)
		}
		value := p.Value.Reveal()
		if value == "" {
			return nil, refusalf("the value for %s is empty (a value is never replaced with an empty one)", p.Key)
		}
		text, err := d.quote(p.Key, value)
		if err != nil {
			return nil, refusalf("the value for %s %v", p.Key, err)
		}
		quoted[i] = text
	}
	return quoted, nil
}

// read returns the assignments of each reading.
func (d dialect) read(content []byte) ([][]assignment, error) {
	all := make([][]assignment, len(d.readings))
	for i, read := range d.readings {
		var err error
		if all[i], err = read(content); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func doubts(content []byte, readings [][]assignment, pairs []Pair) error {
	for _, list := range readings {
		for _, a := range list {
			if a.doubt != "" && indexOf(pairs, a.key) >= 0 {
				return refusalf("line %d: %s (put %s on a line of its own that always runs, or into a file of its own)", lineOf(content, a.from), a.doubt, a.key)
			}
		}
	}
	return nil
}

func indexOf(pairs []Pair, key string) int {
	return slices.IndexFunc(pairs, func(p Pair) bool { return p.Key == key })
}

// change replaces the bytes [from, to) by text.
type change struct {
	from, to int
	text     string
}

// changes returns, in the order of the file, what is to be written over
// assignments that do not give the wanted value, each once.
func changes(readings [][]assignment, pairs []Pair, quoted []string) []change {
	var list []change
	for _, reading := range readings {
		for _, a := range reading {
			i := indexOf(pairs, a.key)
			if i < 0 || a.literal && a.value == pairs[i].Value.Reveal() {
				continue
			}
			list = append(list, change{a.from, a.to, a.prefix + quoted[i]})
		}
	}
	slices.SortFunc(list, func(a, b change) int { return a.from - b.from })
	return slices.Compact(list)
}

// apply makes the changes. It reports false when they overlap, which happens
// only where readings differ.
func apply(content []byte, list []change) ([]byte, bool) {
	if len(list) == 0 {
		return content, true
	}
	var out []byte
	at := 0
	for _, c := range list {
		if c.from < at {
			return nil, false
		}
		out = append(append(out, content[at:c.from]...), c.text...)
		at = c.to
	}
	return append(out, content[at:]...), true
}

// absent returns the lines for variables that some reading does not see.
func absent(readings [][]assignment, pairs []Pair, quoted []string) []string {
	var lines []string
	for i, p := range pairs {
		sees := func(reading []assignment) bool {
			return slices.ContainsFunc(reading, func(a assignment) bool { return a.key == p.Key })
		}
		if slices.ContainsFunc(readings, func(r []assignment) bool { return !sees(r) }) {
			lines = append(lines, p.Key+"="+quoted[i])
		}
	}
	return lines
}

// append adds lines at the end, behind as many line ends as it takes until all
// readings see them as lines of their own: the last line may have no end, or
// be continued by a backslash.
func (d dialect) append(content []byte, lines []string, before [][]assignment, pairs []Pair) ([]byte, error) {
	end := d.lineEnd(content)
	added := strings.Join(lines, end) + end
	gaps := 0
	if len(content) > 0 && !bytes.HasSuffix(content, []byte("\n")) {
		gaps = 1
	}
	const most = 2 // one ends the last line, one ends its continuation
	for ; ; gaps++ {
		out := append(bytes.Clone(content), strings.Repeat(end, gaps)+added...)
		err := d.verify(out, before, pairs)
		if err == nil || gaps >= most {
			return out, err
		}
	}
}

// verify reads the new content as the reader will.
func (d dialect) verify(content []byte, before [][]assignment, pairs []Pair) error {
	if err := checkContent(content); err != nil {
		return err
	}
	after, err := d.read(content)
	if err != nil {
		return err
	}
	for i := range after {
		if !slices.EqualFunc(others(before[i], pairs), others(after[i], pairs), sameAssignment) {
			return refusalf("%s", d.dispute)
		}
		for _, p := range pairs {
			if !given(after[i], p) {
				return refusalf("%s", d.dispute)
			}
		}
	}
	return nil
}

// others are the assignments of variables that are not managed.
func others(list []assignment, pairs []Pair) []assignment {
	return slices.DeleteFunc(slices.Clone(list), func(a assignment) bool { return indexOf(pairs, a.key) >= 0 })
}

func sameAssignment(a, b assignment) bool {
	return a.key == b.key && a.value == b.value && a.literal == b.literal && a.doubt == b.doubt
}

// given reports whether the list gives the variable its value, everywhere.
func given(list []assignment, p Pair) bool {
	found := false
	for _, a := range list {
		if a.key != p.Key {
			continue
		}
		if !a.literal || a.doubt != "" || a.value != p.Value.Reveal() {
			return false
		}
		found = true
	}
	return found
}

func lineOf(content []byte, at int) int { return 1 + bytes.Count(content[:at], []byte("\n")) }

// Refusal says why a file or a value is not edited. It repeats neither.
type Refusal struct {
	text string
	// torn says that a save in progress may be the cause.
	torn bool
}

// Error returns what is wrong and what to do.
func (r *Refusal) Error() string { return r.text }

func refusalf(format string, args ...any) *Refusal {
	return &Refusal{text: fmt.Sprintf(format, args...)}
}
