package exchange_test

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func deflated(t testing.TB, text string, header bool) string {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = zlib.NewWriter(&b)
	if !header {
		w, _ = flate.NewWriter(&b, flate.DefaultCompression)
	}
	_, err := io.WriteString(w, text)
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestDoReadsUnrequestedGzip: compressed answers have the same size
// limit as others. The client of these tests reads 100 bytes.
func TestDoReadsUnrequestedGzip(t *testing.T) {
	for _, c := range []struct {
		name, coding, body string
		status             int
		want               string
		reason             credential.Reason
		words              string
	}{
		{name: "gzip", coding: "gzip", body: zipped(t, "hello"), want: "hello"},
		{name: "gzip with an old name", coding: "X-GZIP", body: zipped(t, "hello"), want: "hello"},
		{name: "gzip without a label", body: zipped(t, "hello"), want: "hello"},
		{name: "label without gzip", coding: "gzip", body: "hello", want: "hello"},
		{name: "label without a body", coding: "br", want: ""},
		{name: "identity", coding: "identity", body: "hello", want: "hello"},
		{name: "bomb", coding: "gzip", body: zipped(t, strings.Repeat("0", 1<<20)), reason: credential.ReasonBadResponse, words: "larger"},
		{name: "brotli", coding: "br", body: "CANARY", reason: credential.ReasonBadResponse, words: "with br"},
		{name: "unknown", coding: "CANARY", body: "x", reason: credential.ReasonBadResponse, words: "something unknown"},
		{name: "twice", coding: "gzip, br", body: "CANARY", reason: credential.ReasonBadResponse, words: "with br"},
		{name: "gzip twice", coding: "gzip, gzip", body: zipped(t, zipped(t, "hello")), want: "hello"},
		{name: "gzip in gzip is a bomb", coding: "gzip", body: zipped(t, zipped(t, strings.Repeat("0", 1<<20))), reason: credential.ReasonBadResponse, words: "larger"},
		{name: "deflate", coding: "deflate", body: deflated(t, "hello", true), want: "hello"},
		{name: "deflate without zlib", coding: "Deflate", body: deflated(t, "hello", false), want: "hello"},
		{name: "deflate is a bomb", coding: "deflate", body: deflated(t, strings.Repeat("0", 1<<20), true), reason: credential.ReasonBadResponse, words: "larger"},
		{name: "label without deflate", coding: "deflate", body: `{"a":1}`, want: `{"a":1}`},
		{name: "deflate that is broken", coding: "deflate", body: "CANARY", reason: credential.ReasonBadResponse, words: "encoding is invalid"},
		{name: "deflate without a body", coding: "deflate", want: ""},
		{name: "brotli in an error", coding: "br", body: "CANARY", status: 404, want: ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := func(w http.ResponseWriter, _ *http.Request) {
				if c.coding != "" {
					w.Header().Set("Content-Encoding", c.coding)
				}
				w.WriteHeader(max(c.status, 200))
				_, _ = w.Write([]byte(c.body))
			}
			serve(t, h, func(t *testing.T, client *exchange.Client) {
				a, err := client.Do(t.Context(), get(t, "http://a.example/x"))
				if c.reason == "" {
					if err != nil {
						t.Fatal(err)
					}
					if string(a.Body) != c.want {
						t.Errorf("got body %q, want %q", a.Body, c.want)
					}
					return
				}
				f := fault(t, a, err)
				if f.Reason != c.reason || !f.Lost {
					t.Errorf("got %q, Lost %v; want %q, Lost true", f.Reason, f.Lost, c.reason)
				}
				if !strings.Contains(f.Message, c.words) || strings.Contains(f.Message, "CANARY") {
					t.Errorf("got message %q, want it to contain %q and no text from the peer", f.Message, c.words)
				}
			})
		})
	}
}
