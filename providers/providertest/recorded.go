package providertest

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// recorded checks every file in the suite's folder of recorded answers. A file
// contains one raw HTTP answer, headers included, and is named
//
//	REASON--what-it-is.http          a fault with that reason
//	REASON+lost--what-it-is.http     the same, and Lost must be set
//	ok--what-it-is.http              a credential
//
// Where a server would write text of its own, the file has the Canary.
func (s Suite) recorded(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(s.Answers, "*.http"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded answers in %q (expected at least the vendor's own samples)", s.Answers)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".http")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			verdict, _, ok := strings.Cut(name, "--")
			reason, lost := strings.CutSuffix(verdict, "+lost")
			known := reason == "ok" || slices.Contains(credential.Reasons[:], credential.Reason(reason))
			if !ok || !known {
				t.Fatalf("%s: the name must start with ok-- or REASON--", file)
			}
			synctest.Test(t, func(t *testing.T) {
				n := Serve(t, raw(data))
				_, err := s.attempt(t, n, s.Open(t, n.Env()), t.Context())
				if reason != "ok" {
					s.expect(t, err, []credential.Reason{credential.Reason(reason)}, nil)
					if err != nil && credential.AsFault(err).Lost != lost {
						t.Errorf("Lost = %v, want %v", !lost, lost)
					}
				} else if err != nil {
					t.Errorf("got %v, want a credential", err)
				}
			})
		})
	}
}

// Recorded reads one recorded answer, as if it had arrived at the given instant.
func Recorded(t testing.TB, file string, at time.Time) *exchange.Answer {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(data)), nil)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return &exchange.Answer{Status: resp.StatusCode, Header: resp.Header, Body: body, ReceivedAt: at}
}
