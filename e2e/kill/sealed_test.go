package kill

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// TestSealedStateOpensWithItsKeyOnly: without the right key, the daemon exits
// at once with one error that says what to do. Afterwards the right key still
// opens the unchanged state.
func TestSealedStateOpensWithItsKeyOnly(t *testing.T) {
	t.Parallel()
	tills, vault := tss.New(tss.Options{}), e2etest.NewVault(time.Hour)
	w := e2etest.Furnish(t, tills, vault, "")
	plain := w.Read("config.toml")
	seal := func(file string) {
		w.Write("config.toml", strings.Replace(plain, "[daemon]\n", "[daemon]\nstate_key = { file = \"{dir}/"+file+"\" }\n", 1))
		w.Write("config.toml", strings.ReplaceAll(w.Read("config.toml"), "{dir}", w.Dir))
	}
	w.Write("right", e2etest.Random(32)+"\n")
	w.Write("wrong", e2etest.Random(32)+"\n")
	w.Write("short", e2etest.Random(31)+"\n")
	seal("right")
	if code, _, errs := w.Run("run", "--once"); code != 0 {
		t.Fatalf("got exit code %d, want 0: %s", code, errs)
	}
	token := strings.Fields(w.Read("out/vault.token"))[1]
	state := w.Read("state/state.db")
	for _, secret := range []string{token, tills.Token(e2etest.Shop), e2etest.VaultSecret, strings.TrimSpace(w.Read("right"))} {
		if strings.Contains(state, secret) {
			t.Error("the state contains a plain secret")
		}
	}
	calls := tills.Requests() + vault.Counts().TokenRequests
	for name, c := range map[string]struct {
		prepare func()
		code    int
		words   []string
	}{
		"a wrong key":          {func() { seal("wrong") }, 1, []string{"daemon.state_key is not the key", "give that key, or move the file away"}},
		"no key any more":      {func() { w.Write("config.toml", plain) }, 1, []string{"it is sealed", "daemon.state_key is not set", "move the file away"}},
		"a key file that went": {func() { seal("gone") }, 3, []string{"daemon.state_key", "does not exist"}},
		"a key that is short":  {func() { seal("short") }, 3, []string{"daemon.state_key", "32 bytes"}},
	} {
		c.prepare()
		code, out, errs := w.Run("run", "--once")
		if code != c.code || out != "" || strings.Count(strings.TrimSpace(errs), "\n") > 0 {
			t.Errorf("%s: got exit code %d with output %q and\n%s", name, code, out, errs)
		}
		_, diagnosis, refused := w.Run("doctor")
		for _, word := range c.words {
			if !strings.Contains(errs, word) {
				t.Errorf("%s: want %q in %s", name, word, errs)
			}
			if said := strings.ReplaceAll(diagnosis+refused, "\n      ", " "); !strings.Contains(said, word) {
				t.Errorf("%s: doctor: want %q in %s", name, word, said)
			}
		}
		if w.Read("state/state.db") != state {
			t.Errorf("%s: the state has changed", name)
		}
	}
	// With the key, the state may be moved; moving it does not get around the
	// key.
	e2etest.Must(t, os.Rename(w.Path("state"), w.Path("elsewhere")))
	move := func() {
		w.Write("config.toml", strings.Replace(w.Read("config.toml"), w.Path("state"), w.Path("elsewhere"), 1))
	}
	seal("wrong")
	move()
	if code, _, errs := w.Run("run", "--once"); code != 1 || !strings.Contains(errs, "is not the key") {
		t.Errorf("moved state with a wrong key: got exit code %d: %s", code, errs)
	}
	seal("right")
	move()
	if code, _, errs := w.Run("run", "--once"); code != 0 {
		t.Errorf("moved state with the right key: got exit code %d: %s", code, errs)
	}
	if now := tills.Requests() + vault.Counts().TokenRequests; now != calls || strings.Fields(w.Read("out/vault.token"))[1] != token {
		t.Errorf("got %d more calls, want none", now-calls)
	}
}
