package ini

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/sinks/filesink"
)

// MaxSize is the largest file that is edited.
const MaxSize = filesink.MaxSize

// ErrNoSection means that the file does not contain the section.
var ErrNoSection = errors.New("section not found")

// Pair is one key of the section and its wanted value.
type Pair struct {
	Key   string
	Value credential.Secret
}

// EditOptions extends what Edit may do.
type EditOptions struct {
	// CreateSection adds a missing section at the end of the file.
	CreateSection bool
}

// Edit returns content with the value of every pair set in the section. Only
// the lines of those keys change, and in them only what follows the = and its
// blanks; every other byte is preserved. Nothing is decoded. It runs in linear
// time, and returns the same slice if nothing changes.
//
// If a key occurs several times, every occurrence is set, so it does not matter
// which one the reader uses. A missing key gets a line after the last key of
// the section's first block. A missing section is ErrNoSection, unless it may
// be created. A malformed file, and a value that a line cannot represent, is a
// *Refusal.
func Edit(content []byte, section string, pairs []Pair, opt EditOptions) ([]byte, error) {
	if err := checkPairs(section, pairs); err != nil {
		return nil, err
	}
	if err := checkContent(content); err != nil {
		return nil, err
	}
	keys := make([]string, len(pairs))
	for i, p := range pairs {
		keys[i] = p.Key
	}
	s, err := look(content, section, keys)
	if err != nil {
		return nil, err
	}
	if !s.found && !opt.CreateSection {
		return nil, fmt.Errorf("[%s]: %w", section, ErrNoSection)
	}
	var changes []change
	if s.found {
		changes = append(replacements(content, s, pairs), insertions(content, s, pairs)...)
	} else {
		changes = newSection(content, s, section, pairs)
	}
	if len(changes) == 0 {
		return content, nil
	}
	out := apply(content, changes)
	return out, checkContent(out)
}

// count returns the number of hits of each key.
func count(s survey, keys int) []int {
	n := make([]int, keys)
	for _, h := range s.hits {
		n[h.key]++
	}
	return n
}

// change replaces the bytes [from, to) with text.
type change struct {
	from, to int
	text     string
}

// replacements sets the existing lines. The whole rest of a line is the value:
// quotes, apparent comments and trailing blanks are removed, because an
// AppServer most likely reads them as part of the value.
func replacements(content []byte, s survey, pairs []Pair) []change {
	var changes []change
	for _, h := range s.hits {
		value := pairs[h.key].Value.Reveal()
		if string(content[h.from:h.to]) == value {
			continue
		}
		changes = append(changes, change{h.from, h.to, value})
	}
	return changes
}

// insertions adds lines for missing keys, with the indentation and the
// terminator of the line before.
func insertions(content []byte, s survey, pairs []Pair) []change {
	var added []string
	anchor := content[s.anchor.start:s.anchor.end]
	indent := anchor[:len(anchor)-len(bytes.TrimLeft(anchor, " \t"))]
	for i, n := range count(s, len(pairs)) {
		if n == 0 {
			added = append(added, string(indent)+pairs[i].Key+"="+pairs[i].Value.Reveal())
		}
	}
	if len(added) == 0 {
		return nil
	}
	if s.anchor.end < s.anchor.next {
		end := string(content[s.anchor.end:s.anchor.next])
		return []change{{s.anchor.next, s.anchor.next, strings.Join(added, end) + end}}
	}
	// The anchor is the last line and has no terminator: neither gets the new
	// last line.
	end := dominant(content)
	return []change{{s.anchor.next, s.anchor.next, end + strings.Join(added, end)}}
}

// newSection appends the section after an empty line.
func newSection(content []byte, s survey, section string, pairs []Pair) []change {
	end := dominant(content)
	var b strings.Builder
	if len(content) > 0 {
		if s.last.end == s.last.next {
			b.WriteString(end)
		}
		if k, _ := classify(content[s.last.start:s.last.end]); k != blank {
			b.WriteString(end)
		}
	}
	b.WriteString("[" + section + "]" + end)
	for _, p := range pairs {
		b.WriteString(p.Key + "=" + p.Value.Reveal() + end)
	}
	return []change{{len(content), len(content), b.String()}}
}

// apply applies the changes, which do not overlap. An insertion goes after a
// replacement at the same offset.
func apply(content []byte, changes []change) []byte {
	slices.SortStableFunc(changes, func(a, b change) int { return a.from - b.from })
	size := len(content)
	for _, c := range changes {
		size += len(c.text) - (c.to - c.from)
	}
	out := make([]byte, 0, size)
	at := 0
	for _, c := range changes {
		out = append(append(out, content[at:c.from]...), c.text...)
		at = c.to
	}
	return append(out, content[at:]...)
}
