package drift

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// damage changes the file of a sink. It gets the content, the current token and
// the previous one, and returns the new content, or nothing if the file is to
// be removed.
type damage struct {
	kind  string
	spoil func(content, token, older string) string
}

func damages() map[string]damage {
	lose := func(content, token, _ string) string { return strings.Replace(content, token, "", 1) }
	revert := func(content, token, older string) string { return strings.Replace(content, token, older, 1) }
	dropLine := func(content, token, _ string) string {
		kept := ""
		for l := range strings.Lines(content) {
			if !strings.Contains(l, token) {
				kept += l
			}
		}
		return kept
	}
	vanish := func(string, string, string) string { return e2etest.Gone }
	empty := func(string, string, string) string { return "" }
	return map[string]damage{
		"ini-empty": {"ini", lose}, "ini-older": {"ini", revert}, "ini-line": {"ini", dropLine},
		"ini-saved-anew": {"ini", func(_, _, older string) string {
			return "[GENERAL]\r\nCONSOLELOG=1\r\n[S]\r\nother=2\r\ntoken = " + older + "\r\nADDED=by AppServer\r\n"
		}},
		"env-empty": {"env", lose}, "env-older": {"env", revert}, "env-line": {"env", dropLine}, "env-gone": {"env", vanish}, "env-all-empty": {"env", empty},
		"file-older": {"file", revert}, "file-gone": {"file", vanish}, "file-all-empty": {"file", empty},
	}
}

// driftSinks returns a sink for each damage, one that another program keeps
// overwriting, two per kind with a foreign value (left alone and replaced), and
// one behind links.
func driftSinks() string {
	var out strings.Builder
	sink := func(name, kind, more string) {
		values := map[string]string{
			"ini":  "section = \"S\"\nvalues = { TOKEN = \"${vault.access_token}\" }\n",
			"env":  "values = { TOKEN = \"${vault.access_token}\" }\n",
			"file": "content = \"${vault.access_token}\"\n",
		}[kind]
		fmt.Fprintf(&out, "[sinks.%s]\ntype = %q\npath = \"{dir}/d/%s\"\n%s%s", name, kind, name, values, more)
	}
	for name, d := range damages() {
		sink(name, d.kind, "")
	}
	for _, kind := range []string{"ini", "env", "file"} {
		sink("foreign-"+kind, kind, "")
		sink("enforced-"+kind, kind, "enforce = true\n")
	}
	sink("fought-over", "env", "")
	sink("behind-links", "file", "")
	sink("ini-gone", "ini", "")
	return out.String()
}

const driftINI = "[GENERAL]\r\nCONSOLELOG=1\r\n[S]\r\nother=1\r\nTOKEN=\r\n[END]\r\n"

// TestEveryKindOfDriftIsRepaired damages every kind of sink in every way at
// once. Everything must be repaired within ten seconds, without a call to a
// backend, and without losing what others wrote.
func TestEveryKindOfDriftIsRepaired(t *testing.T) {
	t.Parallel()
	tills, vault := tss.New(tss.Options{}), e2etest.NewVault(time.Hour)
	w := e2etest.Furnish(t, tills, vault, driftSinks())
	for name := range damages() {
		if strings.HasPrefix(name, "ini") {
			w.Write("d/"+name, driftINI)
		}
	}
	for _, name := range []string{"foreign-ini", "enforced-ini", "ini-gone"} {
		w.Write("d/"+name, driftINI)
	}
	w.Write("d/env-older", "BEFORE=1\n")
	// A link in its own folder: no event reports that it is changed.
	w.Write("links/v2", "")
	w.Write("real/v1", "-")
	e2etest.Must(t, os.Mkdir(w.Path("far"), 0o755), os.Symlink(w.Path("far/link"), w.Path("d/behind-links")), os.Symlink(w.Path("real/v1"), w.Path("far/link")))
	w.Start()
	token := func() string {
		_, value, _ := w.Run("show", "vault")
		return strings.TrimSpace(value)
	}
	delivered := func() bool {
		for _, state := range w.Status().States() {
			if state != "delivered" && state != "valid" {
				return false
			}
		}
		return true
	}
	w.Eventually("everything is delivered", delivered)
	older := token()
	if code, _, errs := w.Run("renew", "vault"); code != 0 {
		t.Fatalf("renew: got exit code %d, want 0: %s", code, errs)
	}
	w.Eventually("everything is delivered again", delivered)
	now, calls := token(), tills.Requests()+vault.Counts().TokenRequests
	foreign := strings.Repeat("f0", 30)

	begun := time.Now()
	for name, d := range damages() {
		w.Replace(t, "d/"+name, d.spoil(w.Read("d/"+name), now, older))
	}
	for _, kind := range []string{"ini", "env", "file"} {
		for _, what := range []string{"foreign-", "enforced-"} {
			w.Replace(t, "d/"+what+kind, strings.Replace(w.Read("d/"+what+kind), now, foreign, 1))
		}
	}
	w.Replace(t, "d/ini-gone", e2etest.Gone)
	w.Write("links/v2", older)
	e2etest.Must(t, os.Symlink(w.Path("links/v2"), w.Path("far/new")), os.Rename(w.Path("far/new"), w.Path("far/link")))
	writes := w.Writes("fought-over")
	for name := range damages() {
		w.Eventually(name+" is repaired", func() bool {
			w.Write("d/fought-over", "TOKEN=\n") // repeatedly
			return strings.Contains(w.Read("d/"+name), now) && !strings.Contains(w.Read("d/"+name), older)
		})
	}
	w.Eventually("the enforced values are replaced", func() bool {
		return strings.Contains(w.Read("d/enforced-ini"), now) && strings.Contains(w.Read("d/enforced-env"), now) && w.Read("d/enforced-file") == now
	})
	w.Eventually("what lies behind the turned link is written", func() bool { return w.Read("links/v2") == now })
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("repaired after %s, want within 10 s", took)
	}
	w.Eventually("foreign values are reported, and an INI that is gone", func() bool {
		s := w.Status().States()
		return s["foreign-ini"] == "behind" && s["foreign-env"] == "behind" && s["foreign-file"] == "behind" && s["ini-gone"] == "failing"
	})
	for _, kind := range []string{"ini", "env", "file"} {
		if got := w.Read("d/foreign-" + kind); !strings.Contains(got, foreign) || strings.Contains(got, now) {
			t.Errorf("the foreign value in the %s sink was not left alone: %q", kind, got)
		}
	}
	if n, most := w.Writes("fought-over")-writes, int(time.Since(begun)/(3*time.Second))+1; n > most || n < 1 {
		t.Errorf("got %d repairs against a program that keeps writing in %s, want 1 to %d", n, time.Since(begun), most)
	}
	for name, rest := range map[string]string{
		"ini-empty": "other=1", "ini-older": "[END]", "ini-line": "CONSOLELOG=1", "ini-saved-anew": "ADDED=by AppServer", "env-older": "BEFORE=1\n",
	} {
		if !strings.Contains(w.Read("d/"+name), rest) {
			t.Errorf("%s: %q, written by another program, is gone", name, rest)
		}
	}
	w.Write("d/ini-gone", driftINI)
	w.Eventually("the INI that came back is written", func() bool { return strings.Contains(w.Read("d/ini-gone"), now) })
	if n := tills.Requests() + vault.Counts().TokenRequests - calls; n != 0 {
		t.Errorf("got %d calls for the repairs, want none", n)
	}
	w.Stop()
	w.Replace(t, "d/file-gone", e2etest.Gone)
	w.Start()
	w.Eventually("what was lost while nobody looked is written", func() bool { return w.Read("d/file-gone") == now })
	if n := tills.Requests() + vault.Counts().TokenRequests - calls; n != 0 {
		t.Errorf("got %d calls after a restart, want none", n)
	}
}
