package tlsconf

import "testing"

func TestIsHost(t *testing.T) {
	for text, want := range map[string]bool{
		"tss.example.com": true, "tss": true, "10.0.0.1": true, "fd00::1": true, "my_host.internal.": true, "xn--mller-kva.de": true,
		"a b": false, "https://tss": false, "tss:443": false, "müller.de": false, "a..b": false, "-a": false, " ": false,
	} {
		if got := isHost(text); got != want {
			t.Errorf("%q: got %t, want %t", text, got, want)
		}
	}
}
