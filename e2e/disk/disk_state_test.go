package disk

import (
	"fmt"
	"math/bits"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/disktest"
	"github.com/vigented/vigente/internal/needs"
	arqged "github.com/vigented/vigente/providers/arqged/emulator"
	senhasegura "github.com/vigented/vigente/providers/senhasegura/emulator"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

const rotatingPassword = "canary-rotating-4711"

// rotating returns the configuration of a credential whose renewal spends a
// refresh token.
func rotating(url string) string {
	return fmt.Sprintf(`[providers.ged]
type = "arqged"
url = %q
username = "ana"
password = { file = "{dir}/ged" }
[credentials.ged]
provider = "ged"
[sinks.ged]
type = "file"
path = "{dir}/out/ged.token"
content = "${ged.token}"
`, url)
}

// installation has three credentials: a plain one, one that revokes, and one that
// spends.
type installation struct {
	*e2etest.World
	tills *tss.Emulator
	vault *senhasegura.Server
	ged   *arqged.Server
	disk  *disktest.Disk // nil on a tmpfs
	state string         // the folder of the state
}

// newInstallation keeps its state below state.
func newInstallation(t *testing.T, state string) *installation {
	t.Helper()
	h := &installation{tills: tss.New(tss.Options{}), vault: e2etest.NewVault(time.Hour), state: state}
	h.ged = arqged.New(arqged.Settings{Users: []arqged.User{{Name: "ana", Password: rotatingPassword}}, Unlimited: true}, nil)
	h.World = e2etest.Furnish(t, h.tills, h.vault, rotating(e2etest.Serve(t, h.ged)))
	h.Write("ged", rotatingPassword)
	e2etest.Must(t, os.MkdirAll(state, 0o700), os.Symlink(state, h.Path("state")))
	return h
}

func (h *installation) calls() [3]int {
	c := h.ged.Counts()
	return [3]int{h.vault.Counts().TokenRequests, h.tills.Requests(), c.Logins + c.Refreshes}
}

// saved returns the documented metric about the state.
func (h *installation) saved() bool { return h.Count("vigente_state_saved") == 1 }

// TestStateOnADiskThatFails: while the state cannot be saved, tokens are still
// delivered, the problem is visible, and nothing is spent or revoked that could
// be lost. When the disk recovers, everything is saved without another call.
func TestStateOnADiskThatFails(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	for name, begin := range map[string]func(t *testing.T, h *installation) (end func()){
		"full": func(t *testing.T, h *installation) func() {
			return fill(t, h.state)
		},
		"read-only": func(_ *testing.T, h *installation) func() {
			// Like a file system after an I/O error, which cannot be mounted
			// read-only while a file is open.
			for _, op := range []string{"create", "write", "truncate", "rename", "unlink"} {
				h.disk.Fail(op, syscall.EROFS, "/state/")
			}
			return h.disk.Heal
		},
		"its sync fails": func(_ *testing.T, h *installation) func() {
			h.disk.Fail("sync", syscall.EIO, "/state/")
			return h.disk.Heal
		},
		"the folder is gone": func(t *testing.T, h *installation) func() {
			away := h.state + ".away"
			e2etest.Must(t, os.Rename(h.state, away))
			return func() { e2etest.Must(t, os.Rename(away, h.state)) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var h *installation
			switch name {
			case "full":
				dir := filepath.Join(t.TempDir(), "disk")
				mountTmpfs(t, dir, "size=512k")
				h = newInstallation(t, dir)
			default:
				disk := disktest.Mount(t)
				h = newInstallation(t, filepath.Join(disk.Root, "state"))
				h.disk = disk
			}
			h.Start()
			h.Eventually("everything is delivered", h.Good)
			h.failToSave(t, begin)
		})
	}
}

func (h *installation) failToSave(t *testing.T, begin func(*testing.T, *installation) func()) {
	before, held := h.calls(), h.Read("out/vault.env")
	end := begin(t, h)
	if code, _, errs := h.Run("renew", "--all"); code != 1 || !strings.Contains(errs, "cannot be saved") {
		t.Errorf("renew: got exit code %d and %q, want 1 and the state", code, errs)
	}
	if h.Read("out/vault.env") == held {
		t.Error("the plain token was not delivered")
	}
	after := h.calls()
	if want := [3]int{before[0] + 1, before[1], before[2]}; after != want {
		t.Errorf("calls at vault, TSS and GED went from %v to %v, want %v: nothing may be spent or revoked that could be lost", before, after, want)
	}
	if h.saved() {
		t.Error("vigente_state_saved is 1, want 0")
	}
	if _, out, _ := h.Run("status", "--json"); !strings.Contains(out, "\"saved\": false") {
		t.Errorf("status --json does not report it:\n%s", out)
	}
	if _, out, _ := h.Run("status"); !strings.Contains(out, "The state cannot be saved:") {
		t.Errorf("status does not report it:\n%s", out)
	}
	if code, body := h.Get("/readyz"); code != http.StatusOK || !strings.Contains(body, `"state_error"`) {
		t.Errorf("readyz: got %d %s, want 200 with state_error", code, body)
	}
	if code, out, _ := h.Run("doctor"); code != 1 || !strings.Contains(out, "FAIL  state") {
		t.Errorf("doctor: got exit code %d, want 1:\n%s", code, out)
	}
	end()
	healed := time.Now()
	h.Eventually("the state is saved, and what had to wait is renewed", func() bool {
		now := h.calls()
		return h.saved() && h.Good() && now[1] == before[1]+1 && now[2] == before[2]+1
	})
	t.Logf("recovered after %s", time.Since(healed).Round(time.Millisecond))
	if now := h.calls(); now[0] != after[0] {
		t.Errorf("got %d more calls to save what was obtained", now[0]-after[0])
	}
	said, again := 0, 0
	for line := range strings.Lines(h.Daemon.Log.String()) {
		if strings.Contains(line, `"state not saved"`) {
			said++
		}
		if strings.Contains(line, `"state saved again"`) {
			again++
		}
	}
	if said == 0 || said > bits.Len(64) || again != 1 {
		t.Errorf("logged %d times that the state is not saved, and %d times that it is again", said, again)
	}
	h.survives(t)
}

// survives kills the daemon and checks that everything was durable.
func (h *installation) survives(t *testing.T) {
	t.Helper()
	was, calls := h.Status(), h.calls()
	h.Kill()
	h.Start()
	h.Eventually("the same is in force after a restart", func() bool { return h.Good() })
	is := h.Status()
	for i, c := range was.Credentials {
		if is.Credentials[i].Generation != c.Generation {
			t.Errorf("%s: got generation %d after a restart, want %d", c.Name, is.Credentials[i].Generation, c.Generation)
		}
	}
	if now := h.calls(); now != calls {
		t.Errorf("calls after a restart: got %v, want %v", now, calls)
	}
	if n := h.ged.Counts().SpentShown; n != 0 {
		t.Errorf("%d spent refresh tokens were sent", n)
	}
}
