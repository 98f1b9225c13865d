package ini_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/vigented/vigente/sinks/ini"
)

// fragments are the building blocks of awkward files; random sequences of them
// exercise far more rules than random bytes.
var fragments = []string{
	"[X]", "[x]", "[ X ]", "[X", "[Y]", "\t[X] ", "[X] // t", ";[X]", ";;[X]", "[", "]", "K=1", "k = 2 ", "\tK=", "K= \t", "L=3",
	"\tl=\"4\"", "M", "=", "=5", ";K=6", "#K=7", "//K=8", "/K=9", "K=10 ; t", "KK=11", " ", "\t", "\v", "\f", "\r", "\n", "\n", "\n", "\r\n", "\r\n", "\r\r\n",
	"\xef\xbb\xbf", "\xe9", "\xff\xfe", "\u212a=12", "\xa0", "\x85", "K=NEW", "L=NEXT",
}

func mixture(r *rand.Rand) string {
	var b strings.Builder
	for range r.IntN(16) {
		b.WriteString(fragments[r.IntN(len(fragments))])
	}
	return b.String()
}

func FuzzEdit(f *testing.F) {
	for _, c := range cases {
		f.Add(c.in, "TSSOFFLINE", "TOKEN", "ONLINEURL", "NEW", "next", c.create)
	}
	for _, s := range shapes {
		in, err := os.ReadFile(filepath.Join("testdata", s.file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(in), "TSSOFFLINE", "TOKEN", "ONLINEPORT", newToken, "1323", s.create)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		f.Add(mixture(r), "X", "K", "L", "NEW", "NEXT", r.IntN(2) == 0)
	}
	f.Fuzz(func(t *testing.T, in, section, key1, key2, value1, value2 string, create bool) {
		checkEdit(t, in, section, []string{key1, key2}, []string{value1, value2}, create)
	})
}

// TestEditAgainstReference tries more mixtures than the fuzzer's seeds.
func TestEditAgainstReference(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 15_000 {
		checkEdit(t, mixture(r), "X", []string{"K", "L"}, []string{"NEW", "NEXT"}, r.IntN(2) == 0)
	}
}

// checkEdit compares one edit with the reference, byte for byte, and checks
// properties that need no reference.
func checkEdit(t *testing.T, in, section string, keys, values []string, create bool) {
	t.Helper()
	pairs := []ini.Pair{pair(keys[0], values[0]), pair(keys[1], values[1])}
	opt := ini.EditOptions{CreateSection: create}
	got, err := ini.Edit([]byte(in), section, pairs, opt)
	if err != nil {
		checkRefusal(t, in, section, keys, values, create, err)
		return
	}
	want, refErr := split(in).edit(section, keys, values, create)
	if refErr != nil {
		t.Fatalf("%q: got no error, want %v", in, refErr)
	}
	if string(got) != want {
		t.Fatalf("%q, create %v:\ngot  %q\nwant %q", in, create, got, want)
	}
	again, err := ini.Edit(got, section, pairs, ini.EditOptions{})
	if err != nil || !bytes.Equal(again, got) {
		t.Fatalf("%q: not idempotent: %q then %q, %v", in, got, again, err)
	}
	checkLengths(t, in, section, pairs, opt, len(got))
	checkUnmanaged(t, in, string(got), section, keys)
}

// checkLengths: values of equal length yield content of equal length.
func checkLengths(t *testing.T, in, section string, pairs []ini.Pair, opt ini.EditOptions, want int) {
	t.Helper()
	other := make([]ini.Pair, len(pairs))
	for i, p := range pairs {
		other[i] = pair(p.Key, strings.Repeat("z", len(p.Value.Reveal())))
	}
	got, err := ini.Edit([]byte(in), section, other, opt)
	if err != nil || len(got) != want {
		t.Fatalf("%q: got %d bytes with other values, want %d, %v", in, len(got), want, err)
	}
}

// checkUnmanaged: without the lines of the keys, old and new content are
// identical, except for a terminator added to the last line.
func checkUnmanaged(t *testing.T, in, got, section string, keys []string) {
	t.Helper()
	before, after := rest(in, section, keys), rest(got, section, keys)
	if before == after {
		return
	}
	if _, headers, _ := split(in).blocks(section); len(headers) == 0 {
		if !strings.HasPrefix(after, before) {
			t.Fatalf("%q: the old content is not a prefix of %q", in, got)
		}
		return
	}
	if trimmed, ok := strings.CutPrefix(after, before); !ok || strings.Trim(trimmed, "\r\n") != "" {
		t.Fatalf("unmanaged bytes changed:\nin   %q\ngot  %q\nbefore %q\nafter  %q", in, got, before, after)
	}
}

// rest returns the content without the managed lines.
func rest(content, section string, keys []string) string {
	r := split(content)
	in, _, _ := r.blocks(section)
	var b strings.Builder
	b.WriteString(r.bom)
	for n, row := range r.rows {
		key, _, ok := keyOf(row.text)
		if ok && in[n] > 0 && (asciiUpper(key) == asciiUpper(keys[0]) || asciiUpper(key) == asciiUpper(keys[1])) {
			continue
		}
		b.WriteString(row.text + row.end)
	}
	return b.String()
}

// checkRefusal checks that a refusal follows from the rules.
func checkRefusal(t *testing.T, in, section string, keys, values []string, create bool, err error) {
	t.Helper()
	if !errors.Is(err, ini.ErrNoSection) {
		if _, ok := errors.AsType[*ini.Refusal](err); !ok {
			t.Fatalf("%q: got %v, want a Refusal", in, err)
		}
	}
	for _, v := range values {
		if v == "" || v != refTrim(v) || strings.ContainsFunc(v, unicode.IsControl) {
			return
		}
	}
	for _, name := range append([]string{section}, keys...) {
		if name == "" || refTrim(name) != name || strings.ContainsAny(name, "[]=") || refComment.MatchString(name) ||
			strings.ContainsFunc(name, unicode.IsControl) {
			return
		}
	}
	if asciiUpper(keys[0]) == asciiUpper(keys[1]) {
		return
	}
	if _, refErr := split(in).edit(section, keys, values, create); refErr == nil {
		t.Fatalf("%q: got %v, want no error", in, err)
	}
}
