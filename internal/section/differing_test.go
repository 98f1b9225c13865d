package section

import (
	"hash/maphash"
	"slices"
	"testing"
)

// TestDifferingNamesWhatMakesTheDigestsDiffer reads two tables as a kind does.
func TestDifferingNamesWhatMakesTheDigestsDiffer(t *testing.T) {
	seed := maphash.MakeSeed()
	t.Setenv("ONE", "1")
	t.Setenv("SAME", "1")
	t.Setenv("TWO", "2")
	read := func(text string) *Section {
		s, err := Parse("providers.x", text)
		if err != nil {
			t.Fatal(err)
		}
		s.Text("url", "http://x")
		s.RequiredSecret("password")
		s.Secrets("keys")
		s.TextMap("values")
		s.Daemon().Int("concurrency", 8)
		if sub := s.Table("tls"); sub != nil {
			sub.Bool("insecure", false)
		}
		return s
	}
	base := `password = { env = "ONE" }
keys = [{ env = "ONE" }, { env = "TWO" }]
values = { A = "1", B = "2" }
`
	for _, c := range []struct {
		text string
		want []string
	}{
		{base, nil},
		{"url = \"http://x\"\nconcurrency = 3\n" + base, nil},
		{"url = \"http://y\"\n" + base, []string{"url"}},
		{`password = { env = "SAME" }
keys = [{ env = "ONE" }, { env = "TWO" }]
values = { A = "1", B = "2" }`, nil},
		{`password = { env = "TWO" }
keys = [{ env = "TWO" }]
values = { A = "1", C = "2" }
tls = { insecure = true }`, []string{"keys", "password", "tls.insecure", "values.B", "values.C"}},
	} {
		a, b := read(base), read(c.text)
		if got := a.Sums(seed).Differing(b.Sums(seed)); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", c.text, got, c.want)
		}
		if got := b.Sums(seed).Differing(a.Sums(seed)); !slices.Equal(got, c.want) {
			t.Errorf("%s, the other way: got %v, want %v", c.text, got, c.want)
		}
		if key := []byte("k"); (a.Digest(key) == b.Digest(key)) != (c.want == nil) {
			t.Errorf("%s: the digests disagree with Differing", c.text)
		}
	}
	var none Sums
	if got := none.Differing(read(base).Sums(seed)); !slices.Equal(got, []string{"keys", "password", "values.A", "values.B"}) {
		t.Errorf("from an empty table: got %v", got)
	}
}
