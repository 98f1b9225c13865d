package web

import (
	"regexp"
	"slices"
	"strings"
	"sync"
)

// phrase is one form of a failure's message, with its translation. In both, %s
// stands for a text that stays as it is, %w for one without blanks, and %t for
// another phrase.
type phrase struct{ form, says string }

// slot finds the places of a form.
var slot = regexp.MustCompile(`%[swt]`)

// reading is a compiled phrase.
type reading struct {
	form   *regexp.Regexp
	piece  string   // the longest fixed part of the form, to rule it out quickly
	says   []string // the translation, cut at its slots
	nested []bool   // which slots hold another phrase
}

// translator translates failures with its phrases.
type translator struct{ readings []reading }

func newTranslator(phrases []phrase) *translator {
	t := &translator{}
	for _, p := range phrases {
		r := reading{says: slot.Split(p.says, -1)}
		for _, s := range slot.FindAllString(p.form, -1) {
			r.nested = append(r.nested, s == "%t")
		}
		text := regexp.QuoteMeta(p.form)
		text = strings.NewReplacer("%s", "(.+?)", "%w", `(\S+?)`, "%t", "(.+)").Replace(text)
		r.form = regexp.MustCompile("^" + text + "$")
		r.piece = slices.MaxFunc(slot.Split(p.form, -1), func(a, b string) int { return len(a) - len(b) })
		t.readings = append(t.readings, r)
	}
	return t
}

// portugueseFailures is compiled on first use.
var portugueseFailures = sync.OnceValue(func() *translator { return newTranslator(portuguesePhrases) })

// depth limits the nesting of phrases.
const depth = 5

// tell translates a message. If any part has no translation, it returns the whole
// message in English, because a mixture is hard to read.
func (t *translator) tell(message string) (string, bool) { return t.nested(message, depth) }

func (t *translator) nested(message string, left int) (string, bool) {
	if left == 0 || message == "" {
		return message, message == ""
	}
	for i := range t.readings {
		if said, ok := t.read(&t.readings[i], message, left); ok {
			return said, true
		}
	}
	return t.parts(message, left)
}

// read translates a message that matches one phrase.
func (t *translator) read(r *reading, message string, left int) (string, bool) {
	if !strings.Contains(message, r.piece) {
		return "", false
	}
	found := r.form.FindStringSubmatch(message)
	if found == nil {
		return "", false
	}
	var said strings.Builder
	said.WriteString(r.says[0])
	for i, text := range found[1:] {
		if r.nested[i] {
			inner, ok := t.nested(text, left-1)
			if !ok {
				return "", false
			}
			text = inner
		}
		said.WriteString(text)
		said.WriteString(r.says[i+1])
	}
	return said.String(), true
}

// parts translates sentences that a semicolon joins.
func (t *translator) parts(message string, left int) (string, bool) {
	for at := 0; ; {
		i := strings.Index(message[at:], "; ")
		if i < 0 {
			return message, false
		}
		at += i
		if head, ok := t.nested(message[:at], left-1); ok {
			if tail, ok := t.nested(message[at+2:], left-1); ok {
				return head + "; " + tail, true
			}
		}
		at += 2
	}
}

// failure translates a message for the page, and returns the tag of the resulting
// language.
func (l tongue) failure(message string) (text, tag string) {
	if l.failures == nil {
		return message, english.tag
	}
	if said, ok := l.failures().tell(message); ok {
		return said, l.tag
	}
	return message, english.tag
}

// told is a text of the daemon's with the tag of its language.
type told struct{ Text, Tongue string }

// told translates a text of one failure a line. If any line has no translation, the
// whole stays in English.
func (l tongue) told(text string) told {
	if text == "" {
		return told{}
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		said, tag := l.failure(line)
		if tag != l.tag {
			return told{text, english.tag}
		}
		lines[i] = said
	}
	return told{strings.Join(lines, "\n"), l.tag}
}
