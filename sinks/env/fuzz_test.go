package env_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/sinks/env"
)

var fragments = []string{
	"TOKEN=", "TOKEN=a", "TOKEN='a b'", "TOKEN=\"a\nb\"", " TOKEN = x ", "export TOKEN=y", "export A=1 TOKEN=z", "TOKEN", "A=", "A=1", "A='", "B=\"", "'", "\"", "\\",
	"\n", "\n", "\n", "\r\n", "\r", " ", "\t", ";", "#", "# c", "=", "A=x\\\nTOKEN=n", "A=\"\\\"\nTOKEN=q\"", "\u00e9", "\xe9", "\xef\xbb\xbf", "\u00a0", "TOKEN=NEW", "TOKEN='NEW'",
	"$(", ")", "`", "${A}", "if", "fi", "(", "&&", "|", "&", "<f", "<<E",
}

func mixture(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(14) {
		b.WriteString(fragments[r.IntN(len(fragments))])
	}
	return b.String()
}

var styles = []string{"systemd", "shell", "docker"}

func FuzzEnvEdit(f *testing.F) {
	for _, c := range edits {
		f.Add(uint8(slices.Index(styles, string(c.style))), c.in, "TOKEN", "NEW")
		f.Add(uint8(slices.Index(styles, string(c.style))), c.want, "A", c.value)
	}
	for i, value := range awkward()[:64] {
		f.Add(uint8(i%3), "A=1\n", "TOKEN", value)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 300 {
		f.Add(uint8(i%3), mixture(r), "TOKEN", "NEW")
	}
	f.Fuzz(func(t *testing.T, style uint8, in, key, value string) {
		checkEdit(t, styles[int(style)%3], in, key, value)
	})
}

// TestEditAgainstIndependentReader plays more mixtures than the fuzzer's seeds.
func TestEditAgainstIndependentReader(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	compared := map[string]int{}
	for range 6_000 {
		for _, style := range styles {
			if checkEdit(t, style, mixture(r), "TOKEN", []string{"NEW", "a b'c\"d$e"}[r.IntN(2)]) {
				compared[style]++
			}
		}
	}
	for _, style := range styles {
		if compared[style] < 600 {
			t.Errorf("%s: only %d files were compared", style, compared[style])
		}
	}
}

// checkEdit holds what an edit promises: it reports whether an independent
// reader had a say.
func checkEdit(t *testing.T, style, in, key, value string) bool {
	t.Helper()
	pairs := []env.Pair{pair(key, value)}
	got, err := env.Edit([]byte(in), env.Style(style), pairs)
	if err != nil {
		if _, ok := errors.AsType[*env.Refusal](err); !ok {
			t.Fatalf("%s %q: %v is no refusal", style, in, err)
		}
		return false
	}
	again, err := env.Edit(got, env.Style(style), pairs)
	if err != nil || string(again) != string(got) {
		t.Fatalf("%s %q: not idempotent: %q then %q, %v", style, in, got, again, err)
	}
	compared := false
	for _, old := range []bool{false, true} {
		before, ok1 := independent(style, in, old)
		after, ok2 := independent(style, string(got), old)
		if !ok1 && style == "shell" {
			continue
		}
		if !ok1 || !ok2 {
			t.Fatalf("%s %q: edited to %q, which the other reader does not understand (%v, %v)", style, in, got, ok1, ok2)
		}
		checkValues(t, style, in, string(got), key, value, before, after)
		if agree(style, in) {
			checkBytes(t, style, in, string(got), key, before, after)
		}
		compared = true
	}
	return compared
}

// checkValues: the key has the value everywhere, all others what they had.
func checkValues(t *testing.T, style, in, got, key, value string, before, after []found) {
	t.Helper()
	managed := func(f found) bool { return f.key == key }
	seen := false
	for _, f := range after {
		if managed(f) {
			seen = true
			if f.value != value {
				t.Fatalf("%s %q: edited to %q, where %s is %q, want %q", style, in, got, key, f.value, value)
			}
		}
	}
	if !seen {
		t.Fatalf("%s %q: edited to %q, which lacks %s", style, in, got, key)
	}
	before, after = slices.DeleteFunc(slices.Clone(before), managed), slices.DeleteFunc(slices.Clone(after), managed)
	same := func(a, b found) bool { return a.key == b.key && a.value == b.value }
	if !slices.EqualFunc(before, after, same) {
		t.Fatalf("%s %q: edited to %q: others were %+v, are %+v", style, in, got, before, after)
	}
}

// agree reports whether all versions of the reader see the same assignments.
func agree(style, content string) bool {
	a, _ := independent(style, content, false)
	b, _ := independent(style, content, true)
	return slices.Equal(a, b)
}

// checkBytes: without the values of the key, the new content is the old one
// and at most a line more.
func checkBytes(t *testing.T, style, in, got, key string, before, after []found) {
	t.Helper()
	was, is := without(in, key, before), without(got, key, after)
	added, ok := strings.CutPrefix(is, was)
	if !ok || strings.Trim(added, "\r\n") != "" && strings.Trim(added, "\r\n") != key+"=" {
		t.Fatalf("%s %q: edited to %q: other bytes were %q, are %q", style, in, got, was, is)
	}
}

func without(content, key string, list []found) string {
	var b strings.Builder
	at := 0
	for _, f := range list {
		if f.key == key {
			b.WriteString(content[at:f.from])
			at = f.to
			if f.bare {
				b.WriteString("=")
			}
		}
	}
	return b.String() + content[at:]
}
