package canary

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/vigented/vigente/e2e/e2etest"
)

// secretSet contains everything that must not be found: the secrets of the
// test, and those that backends issued and received.
type secretSet struct {
	mu      sync.Mutex
	secrets map[string]string // the description of each secret
}

func newSecretSet() *secretSet { return &secretSet{secrets: map[string]string{}} }

// specials are characters that every kind of quoting changes.
const specials = "\"'\\&%+<>é "

// canary creates a secret. Its core of letters and digits survives every kind
// of quoting and is what to search for.
func (h *secretSet) canary(what string) string {
	core := "Cnry" + e2etest.Random(10)
	h.add(what, core)
	return core + specials + core
}

// word creates a secret of letters and digits only.
func (h *secretSet) word(what string) string {
	core := "Cnry" + e2etest.Random(14)
	h.add(what, core)
	return core
}

func (h *secretSet) add(what, secret string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.secrets[secret]; !known && len(secret) >= 12 {
		h.secrets[secret] = what
	}
}

// learn adds a word that looks like a token: long, with digits and letters.
func (h *secretSet) learn(what, word string) {
	if distinct(word) >= 8 && worded.FindString(word) == word && strings.ContainsAny(word, "0123456789") {
		h.add(what, word)
	}
}

// distinct counts the different bytes of a text.
func distinct(text string) int {
	seen := map[byte]bool{}
	for i := range len(text) {
		seen[text[i]] = true
	}
	return len(seen)
}

var (
	spoken = regexp.MustCompile(`"\s*:\s*"([^"]+)"`)
	worded = regexp.MustCompile(`[A-Za-z0-9._~+/=-]{20,}`)
)

// answered learns the tokens in an answer: long JSON values, the ETag.
func (h *secretSet) answered(body, etag string) {
	for _, m := range spoken.FindAllStringSubmatch(strings.ReplaceAll(body, `\"`, `"`), -1) {
		h.learn("a token from a body", m[1])
	}
	for _, m := range worded.FindAllString(etag, -1) {
		h.learn("a token from an etag", m)
	}
}

// shown learns what was sent to a backend: logins and signatures.
func (h *secretSet) shown(header string) {
	for _, m := range worded.FindAllString(header, -1) {
		h.learn("a login that was sent", m)
	}
}

// all returns every secret that is text, for backends that leak them.
func (h *secretSet) all() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := make([]string, 0, len(h.secrets))
	for s := range h.secrets {
		if url.PathEscape(s) == s {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

// search reports secrets in a text: complete, partial, and in every form in
// which programs write bytes.
func (h *secretSet) search(t testing.TB, where, text string, but ...string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for secret, what := range h.secrets {
		if slices.ContainsFunc(but, func(b string) bool { return strings.Contains(b, secret) }) {
			continue
		}
		for form, needles := range forms(secret) {
			for _, n := range needles {
				if distinct(n) < 5 {
					continue // such as the zeros of an ID
				}
				if at := strings.Index(text, n); at >= 0 {
					t.Errorf("%s contains %s in the form %q after %q", where, what, form, text[max(0, at-120):at])
				}
			}
		}
	}
}

// forms returns what to search for. Each needle is a part of the secret long
// enough to exclude coincidence.
func forms(secret string) map[string][]string {
	middle := secret[len(secret)/2-6:][:12]
	out := map[string][]string{
		"as it is": {secret[:12], middle, secret[len(secret)-12:]},
		"hex":      {fmt.Sprintf("%x", middle), fmt.Sprintf("%X", middle), fmt.Sprintf("% x", middle)},
		"a list":   {strings.Trim(fmt.Sprint([]byte(middle)), "[]"), fmt.Sprintf("%#v", []byte(middle))[len("[]byte{"):][:60]},
	}
	// Binary secrets look different once quoted.
	if quoted := strconv.Quote(secret); quoted != `"`+secret+`"` {
		again, _ := json.Marshal(quoted)
		for _, text := range []string{quoted, string(again), fmt.Sprintf("%+q", secret)} {
			out["quoted"] = append(out["quoted"], text[2:][:16], text[len(text)/2:][:16])
		}
	}
	if escaped := url.QueryEscape(middle); escaped != middle {
		out["escaped"] = []string{escaped}
	}
	for pad := range 3 {
		// Base64 of a text that contains the secret at any offset.
		inner := []byte(strings.Repeat("\x00", pad) + secret)
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString(inner)
			out["base64"] = append(out["base64"], text[4:len(text)-4])
		}
	}
	return out
}

// TestSearchFindsEveryForm proves that a search that finds nothing means
// something.
func TestSearchFindsEveryForm(t *testing.T) {
	h := newSecretSet()
	secret := h.canary("a secret")
	for form, text := range map[string]string{
		"raw": secret, "quoted": fmt.Sprintf("%q", secret), "hex": fmt.Sprintf("%x", secret), "HEX": fmt.Sprintf("%X", secret),
		"url": url.QueryEscape(secret), "path": url.PathEscape(secret), "basic": base64.StdEncoding.EncodeToString([]byte("user:" + secret)),
		"base64url": base64.URLEncoding.EncodeToString([]byte("u:" + secret)), "bytes": fmt.Sprint([]byte(secret)), "cut": secret[:14] + "…",
		"go": fmt.Sprintf("%#v", []byte(secret)), "end": "…" + secret[len(secret)-12:],
	} {
		probe := &recorder{TB: t}
		h.search(probe, form, "before "+text+" after")
		if probe.errors == 0 {
			t.Errorf("did not find the text in the form %s", form)
		}
	}
	raw := string([]byte{0xc3, 0xa9, 1, 2, 255, 200, 77, 3, 4, 0, '"', '\\', 250, 199, 9, 10, 66, 128, 77, 240})
	h.add("bytes", raw)
	for form, text := range map[string]string{"quoted": fmt.Sprintf("%q", raw), "twice": fmt.Sprintf("%q", fmt.Sprintf("%q", raw)), "raw": raw} {
		probe := &recorder{TB: t}
		h.search(probe, form, "before "+text+" after")
		if probe.errors == 0 {
			t.Errorf("did not find the bytes in the form %s", form)
		}
	}
	probe := &recorder{TB: t}
	h.search(probe, "nothing", "token renewed, 403 bytes of HTML")
	if probe.errors > 0 {
		t.Error("found a secret in a text without secrets")
	}
}

// recorder counts the errors of a search.
type recorder struct {
	testing.TB
	errors int
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.errors++ }
