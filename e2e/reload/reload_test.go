package reload

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/needs"
	senhasegura "github.com/vigented/vigente/providers/senhasegura/emulator"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// watched is a daemon whose configuration is changed in many ways. Each version
// writes its number to one sink; nothing else may change.
type watched struct {
	*e2etest.World
	tills  *tss.Emulator
	vault  *senhasegura.Server
	number int
	calls  int
	still  []string // files that no version changes
	inodes map[string]uint64
}

func watch(t *testing.T) *watched {
	t.Helper()
	tills, vault := tss.New(tss.Options{}), e2etest.NewVault(time.Hour)
	w := &watched{World: e2etest.Furnish(t, tills, vault, "[sinks.number]\ntype = \"file\"\npath = \"{dir}/out/number\"\ncontent = \"${loja.generation} version 0 \"\n"), tills: tills, vault: vault}
	w.still = []string{"out/vault.env", "out/vault.token", "till/appserver.ini"}
	return w
}

// begin records what must not change from here on.
func (w *watched) begin() {
	w.T.Helper()
	w.Start()
	w.Eventually("everything is delivered", func() bool {
		s := w.Status().States()
		return s["till"] == "delivered" && s["env"] == "delivered" && s["file"] == "delivered" && s["number"] == "delivered"
	})
	w.calls, w.inodes = w.total(), w.stand()
}

func (w *watched) total() int { return w.tills.Requests() + w.vault.Counts().TokenRequests }

func (w *watched) stand() map[string]uint64 {
	w.T.Helper()
	inodes := map[string]uint64{}
	for _, name := range w.still {
		info, err := os.Stat(w.Path(name))
		if err != nil {
			w.T.Fatal(err)
		}
		inodes[name] = info.Sys().(*syscall.Stat_t).Ino
	}
	return inodes
}

// next returns the running text and that of the next version.
func (w *watched) next() (present, text string) {
	present = w.Read("config.toml")
	w.number++
	return present, strings.Replace(present, "version "+strconv.Itoa(w.number-1)+" ", "version "+strconv.Itoa(w.number)+" ", 1)
}

// arrives waits for the version and checks that nothing else has happened.
func (w *watched) arrives(how string) {
	w.T.Helper()
	begun := time.Now()
	w.Eventually(how+" is noticed", func() bool { return strings.HasSuffix(w.Read("out/number"), "version "+strconv.Itoa(w.number)+" ") })
	if took := time.Since(begun); took > 5*time.Second {
		w.T.Errorf("%s: noticed after %s", how, took)
	}
	w.quiet(how)
}

// quiet checks that nothing else has changed.
func (w *watched) quiet(how string) {
	w.T.Helper()
	if n := w.total() - w.calls; n != 0 {
		w.T.Errorf("%s: got %d calls, want none", how, n)
	}
	for name, inode := range w.stand() {
		if inode != w.inodes[name] {
			w.T.Errorf("%s: %s was rewritten", how, name)
		}
	}
	if reason := w.Status().Config.LastError; reason != "" {
		w.T.Errorf("%s: %s", how, reason)
	}
}

func (w *watched) replace(name, text string) {
	w.T.Helper()
	w.Write(name+".new", text)
	if err := os.Rename(w.Path(name+".new"), w.Path(name)); err != nil {
		w.T.Fatal(err)
	}
}

func TestEverySaveOfTheConfigurationIsNoticed(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.begin()

	_, text := w.next()
	w.replace("config.toml", text)
	w.arrives("an atomic replacement")

	old, text := w.next() // vim with backupcopy=no: rename the old file, write a new one, remove the backup
	if err := os.Rename(w.Path("config.toml"), w.Path("config.toml~")); err != nil {
		t.Fatal(err)
	}
	w.Write("config.toml", text)
	if err := os.Remove(w.Path("config.toml~")); err != nil || old == text {
		t.Fatal(err)
	}
	w.arrives("a save with a backup")

	for _, editor := range [][]string{
		{"sed", "-i", "s/version OLD /version NEW /"},
		{"vim", "-N", "-u", "NONE", "-i", "NONE", "-n", "-es", "-c", "set backup writebackup backupcopy=no", "-c", "%s/version OLD /version NEW /", "-c", "wq"},
		{"vim", "-N", "-u", "NONE", "-i", "NONE", "-n", "-es", "-c", "set nobackup nowritebackup backupcopy=yes", "-c", "%s/version OLD /version NEW /", "-c", "wq"},
	} {
		path, found := needs.Part(t, editor[0])
		if !found {
			continue
		}
		w.next()
		args := strings.NewReplacer("OLD", strconv.Itoa(w.number-1), "NEW", strconv.Itoa(w.number)).Replace(strings.Join(append(editor[1:], w.Path("config.toml")), "\x00"))
		if out, err := exec.Command(path, strings.Split(args, "\x00")...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", editor[0], err, out)
		}
		w.arrives(strings.Join(editor[:2], " "))
	}

	// In place and slowly, as nano does: first empty, then half, then complete.
	hash := w.Status().Config.Hash
	_, text = w.next()
	f, err := os.OpenFile(w.Path("config.toml"), os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		t.Fatal(err)
	}
	// That file configures the socket, so the log and the metrics have to tell.
	w.Eventually("the empty file is seen", func() bool { return strings.Contains(w.Daemon.Log.String(), "config.toml:1: file: is empty") })
	if _, body := w.Get("/metrics"); !strings.Contains(body, "vigente_config_last_reload_successful 0") {
		t.Error("the metrics do not report the failed reload")
	}
	half := strings.Index(text, "[sinks.till]")
	for _, part := range []string{text[:half+9], text[half+9:]} {
		if _, err := f.WriteString(part); err != nil {
			t.Fatal(err)
		}
		if part != text[half+9:] {
			w.Eventually("half a file is seen", func() bool { return !strings.Contains(w.Status().Config.LastError, "is empty") })
			if now := w.Status().Config.Hash; now != hash {
				t.Errorf("half a file was loaded: %s", now)
			}
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	w.arrives("a slow save in place")

	// A bad file, then a good one.
	_, text = w.next()
	w.replace("config.toml", text+"[sinks.bad]\ntype = \"file\"\npath = \"{dir}/x\"\ncontent = \"${nobody.token}\"\n")
	w.Eventually("the bad file is told of", func() bool { return strings.Contains(w.Status().Config.LastError, "sinks.bad.content") })
	w.replace("config.toml", text)
	w.arrives("a good file after a bad one")

	for range 10 {
		w.Signal(syscall.SIGHUP)
	}
	_, text = w.next()
	w.replace("config.toml", text)
	w.arrives("a change after ten hang-ups")
	if code, _, errs := w.Run("reload"); code != 0 {
		t.Errorf("reload: got exit code %d, want 0: %s", code, errs)
	}
	w.quiet("a reload of the same")
}

func TestIncludedFilesComeAndGo(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.Write("config.toml", "include = [\"conf.d/*.toml\"]\n"+w.Read("config.toml"))
	w.Write("conf.d/a.toml", "# nothing yet\n")
	w.begin()
	more := "[sinks.NAME]\ntype = \"file\"\npath = \"../out/NAME\"\ncontent = \"${loja.token}\"\n"
	w.Write("conf.d/b.toml", strings.ReplaceAll(more, "NAME", "more"))
	w.Eventually("a new file counts", func() bool { return w.Status().States()["more"] == "delivered" })
	w.Write("conf.d/.hidden.toml", "nonsense")
	w.Write("conf.d/c.toml~", "nonsense")
	w.replace("conf.d/b.toml", strings.ReplaceAll(more, "NAME", "other"))
	w.Eventually("a changed file counts", func() bool { s := w.Status().States(); return s["other"] == "delivered" && s["more"] == "" })
	if err := os.Remove(w.Path("conf.d/b.toml")); err != nil {
		t.Fatal(err)
	}
	w.Eventually("a removed file counts", func() bool { return w.Status().States()["other"] == "" })
	if w.Read("out/other") == "" || w.Read("out/more") == "" {
		t.Error("the file of a removed sink was deleted")
	}
	w.quiet("files that come and go")
}

// TestLinkedConfigurationIsSwapped uses the layout of Kubernetes: names are
// links into ..data, itself a link that is swapped.
func TestLinkedConfigurationIsSwapped(t *testing.T) {
	t.Parallel()
	w := watch(t)
	lay := func(generation, text string) {
		w.Write("..gen-"+generation+"/config.toml", text)
		w.Write("..gen-"+generation+"/secret", e2etest.VaultSecret+"\n")
		if err := os.Symlink("..gen-"+generation, w.Path("..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(w.Path("..data_tmp"), w.Path("..data")); err != nil {
			t.Fatal(err)
		}
	}
	lay("1", w.Read("config.toml"))
	for _, name := range []string{"config.toml", "secret"} {
		if err := os.Remove(w.Path(name)); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("..data/"+name, w.Path(name)); err != nil {
			t.Fatal(err)
		}
	}
	w.begin()
	for _, generation := range []string{"2", "3"} {
		_, text := w.next()
		lay(generation, text)
		w.arrives("swap " + generation)
	}
}

func TestChangedCAIsTriedForItsProviderOnly(t *testing.T) {
	t.Parallel()
	tills, vault := tss.New(tss.Options{}), e2etest.NewVault(time.Hour)
	server := httptest.NewTLSServer(vault)
	t.Cleanup(server.Close)
	authority := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	w := e2etest.NewWorld(t, e2etest.Both(e2etest.Serve(t, tills), server.URL, "[providers.vault.tls]\nca_file = \"{dir}/ca.pem\"\n"))
	w.Write("secret", e2etest.VaultSecret+"\n")
	w.Write("till/appserver.ini", e2etest.IniBefore)
	w.Write("ca.pem", authority)
	if err := os.Mkdir(w.Path("out"), 0o755); err != nil {
		t.Fatal(err)
	}
	w.Start()
	w.Eventually("everything is delivered", func() bool { return w.Status().States()["file"] == "delivered" })
	w.Write("ca.pem", "no certificate\n")
	w.Eventually("a bad authority is told of", func() bool {
		_, said, _ := w.Run("status")
		return strings.Contains(said, "ca.pem")
	})
	w.Write("ca.pem", authority+authority)
	w.Eventually("a good one is tried", func() bool { return vault.Counts().TokenRequests == 2 && w.Status().Config.LastError == "" })
	if tills.Requests() != 1 {
		t.Errorf("got %d calls of the other backend, want 1", tills.Requests())
	}
}

// TestCommandsFindTheDaemonWithoutItsConfiguration empties and removes the main
// file while a daemon runs with the default socket.
func TestCommandsFindTheDaemonWithoutItsConfiguration(t *testing.T) {
	t.Parallel()
	for what, environ := range map[string]string{"runtime directory": "RUNTIME_DIRECTORY", "state directory": "STATE_DIRECTORY"} {
		w := e2etest.NewWorld(t, "")
		w.Environ = []string{environ + "=" + w.Path("default"), "XDG_STATE_HOME=" + w.Dir}
		text := "[daemon]\nlisten = \"" + w.Listen + "\"\n"
		if environ == "RUNTIME_DIRECTORY" {
			text += "state_dir = \"" + w.Path("state") + "\"\n"
		}
		w.Write("config.toml", text)
		w.Start()
		w.Write("config.toml", "")
		if code, _, errs := w.Run("status"); code != 0 {
			t.Errorf("%s, empty: status: got exit code %d, want 0: %s", what, code, errs)
		}
		if err := os.Remove(w.Path("config.toml")); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := w.Run("status"); code != 0 {
			t.Errorf("%s, removed: status: got exit code %d, want 0: %s", what, code, errs)
		}
		if code, took := w.Stop(); code != 0 {
			t.Errorf("%s: stop: got exit code %d after %s, want 0", what, code, took)
		}
	}
}
