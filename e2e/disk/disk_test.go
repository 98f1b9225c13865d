package disk

import (
	"errors"
	"math/bits"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/disktest"
	"github.com/vigented/vigente/internal/needs"
	senhasegura "github.com/vigented/vigente/providers/senhasegura/emulator"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// sinkDisk is the folder of the sink under test.
type sinkDisk struct {
	w     *e2etest.World
	dir   string // the folder
	disk  *disktest.Disk
	path  string // the sink's file
	vault *senhasegura.Server
}

// trouble is one way in which a disk fails.
type trouble struct {
	name string
	// fuse puts the sink on a disk that fails on demand; otherwise it is a tmpfs
	// with the options.
	fuse    bool
	options string
	// begin causes the trouble and returns a function that ends it.
	begin func(t *testing.T, p *sinkDisk) (end func())
	// patient waits for a second attempt before ending the trouble.
	patient bool
	// harmless means the delivery works anyway; whole means the new content may
	// be in place although the delivery failed; blind means doctor, which
	// changes nothing, cannot see the trouble.
	harmless, whole, blind bool
}

var troubles = []trouble{
	{name: "full", patient: true, options: "size=64k", begin: func(t *testing.T, p *sinkDisk) func() { return fill(t, p.dir) }},
	{name: "no inodes", options: "size=1m,nr_inodes=20", begin: func(t *testing.T, p *sinkDisk) func() { return manyFiles(t, p.dir) }},
	{name: "read-only", options: "size=1m", begin: func(t *testing.T, p *sinkDisk) func() {
		remount(t, p.dir, syscall.MS_RDONLY)
		return func() { remount(t, p.dir, 0) }
	}},
	{name: "a folder in place of the file", options: "size=1m", begin: func(t *testing.T, p *sinkDisk) func() {
		must(t, errors.Join(os.Rename(p.path, p.path+".away"), os.Mkdir(p.path, 0o755)))
		return func() { must(t, errors.Join(os.Remove(p.path), os.Rename(p.path+".away", p.path))) }
	}},
	{name: "a file mounted by itself", options: "size=1m", harmless: true, begin: bindMounted},
	{name: "a file mounted by itself on a full disk", options: "size=64k", harmless: true, begin: func(t *testing.T, p *sinkDisk) func() {
		end := bindMounted(t, p)
		free := fill(t, p.dir)
		return func() { free(); end() }
	}},
	{name: "writes fail", fuse: true, begin: failing("write")},
	{name: "the sync of the file fails", fuse: true, begin: failing("sync")},
	{name: "the sync of the folder fails", fuse: true, whole: true, begin: failing("syncdir")},
	{name: "renames fail", fuse: true, blind: true, begin: failing("rename")},
	{name: "a mounted file whose sync fails", fuse: true, blind: true, begin: func(t *testing.T, p *sinkDisk) func() {
		end := bindMounted(t, p)
		p.disk.Fail("sync", syscall.EIO, "/")
		return func() { p.disk.Heal(); end() }
	}},
}

func failing(op string) func(*testing.T, *sinkDisk) func() {
	return func(_ *testing.T, p *sinkDisk) func() {
		p.disk.Fail(op, syscall.EIO, "/")
		return p.disk.Heal
	}
}

// fill uses up the space of a disk.
func fill(t *testing.T, dir string) (free func()) {
	t.Helper()
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 8<<20), 0o600); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("fill: %v", err)
	}
	return func() { must(t, os.Remove(filler)) }
}

// manyFiles uses up the inodes of a disk.
func manyFiles(t *testing.T, dir string) (free func()) {
	t.Helper()
	var made []string
	for i := 0; ; i++ {
		name := filepath.Join(dir, "filler-"+strconv.Itoa(i))
		if err := os.WriteFile(name, nil, 0o600); errors.Is(err, syscall.ENOSPC) {
			break
		} else if err != nil || i > 100 {
			t.Fatalf("fill: %v", err)
		}
		made = append(made, name)
	}
	return func() {
		for _, name := range made {
			must(t, os.Remove(name))
		}
	}
}

func bindMounted(t *testing.T, p *sinkDisk) func() {
	t.Helper()
	must(t, syscall.Mount(p.path, p.path, "", syscall.MS_BIND, ""))
	end := func() { _ = syscall.Unmount(p.path, syscall.MNT_DETACH) }
	t.Cleanup(end)
	return end
}

func remount(t *testing.T, dir string, flags uintptr) {
	t.Helper()
	must(t, syscall.Mount("", dir, "", syscall.MS_REMOUNT|flags, ""))
}

func mountTmpfs(t *testing.T, dir, options string) {
	t.Helper()
	must(t, os.MkdirAll(dir, 0o755))
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options+",mode=0755"); err != nil {
		needs.Missing(t, "the right to mount")
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
}

// TestSinkOnADiskThatFails: a failing disk affects only its own sink. The old
// content stays, the other sinks get the new token, the backend is not called
// again, status and doctor say what is wrong, the log says it once, and the
// sink recovers by itself.
func TestSinkOnADiskThatFails(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	for _, tr := range troubles {
		t.Run(tr.name, func(t *testing.T) {
			t.Parallel()
			p := &sinkDisk{vault: e2etest.NewVault(time.Hour)}
			if tr.fuse {
				p.disk = disktest.Mount(t)
				p.dir = p.disk.Root
			} else {
				p.dir = filepath.Join(t.TempDir(), "disk")
				mountTmpfs(t, p.dir, tr.options)
			}
			p.path = filepath.Join(p.dir, "token")
			p.w = e2etest.Furnish(t, tss.New(tss.Options{}), p.vault, "[sinks.sealed]\ntype = \"file\"\npath = \""+p.path+"\"\ncontent = \"${vault.access_token}\"\n")
			p.w.Start()
			p.w.Eventually("everything is delivered", func() bool { return p.w.Good() })
			p.runTrouble(t, tr)
		})
	}
}

// runTrouble runs one trouble.
func (p *sinkDisk) runTrouble(t *testing.T, tr trouble) {
	w, old := p.w, holds(p.path)
	end := tr.begin(t, p)
	code, _, errs := w.Run("renew", "vault")
	fresh := strings.TrimPrefix(w.Read("out/vault.token"), "Bearer ")
	fresh, _, _ = strings.Cut(fresh, " ")
	if fresh == old || fresh == "" {
		t.Fatalf("the other sinks did not get the new token: %s", errs)
	}
	if tr.harmless {
		if got := holds(p.path); code != 0 || got != fresh {
			t.Errorf("renew: got exit code %d (%s), file holds the new token: %v", code, errs, got == fresh)
		}
		end()
		p.afterwards(t, 0)
		return
	}
	if code != 1 || !strings.Contains(errs, "sealed") {
		t.Errorf("renew: got exit code %d and %q, want 1 and the name of the sink", code, errs)
	}
	if got := holds(p.path) + holds(p.path+".away"); got != old && !(tr.whole && got == fresh) {
		t.Errorf("the file holds %q, want the old content or the new", got)
	}
	states := w.Status().States()
	if states["sealed"] != "failing" || states["file"] != "delivered" || states["env"] != "delivered" || states["till"] != "delivered" || states["vault"] != "valid" {
		t.Errorf("got states %v", states)
	}
	if code, out, _ := w.Run("doctor"); tr.blind {
		if code != 0 {
			t.Errorf("doctor: got exit code %d, want 0:\n%s", code, out)
		}
	} else if code != 1 || !strings.Contains(out, "FAIL  sink sealed") || strings.Count(out, "FAIL") != 1 {
		t.Errorf("doctor: got exit code %d, want 1 and one FAIL:\n%s", code, out)
	}
	if tr.patient {
		w.Eventually("it is tried again", func() bool { return p.failures() >= 2 })
	}
	end()
	healed := time.Now()
	w.Eventually("the sink heals", func() bool { return w.Good() && holds(p.path) == fresh })
	p.afterwards(t, p.failures())
	t.Logf("recovered after %s and %d attempts", time.Since(healed).Round(time.Millisecond), p.failures())
}

// afterwards checks what must hold in the end.
func (p *sinkDisk) afterwards(t *testing.T, failures int) {
	t.Helper()
	w := p.w
	if n := p.vault.Counts().TokenRequests; n != 2 {
		t.Errorf("got %d calls, want the first and the requested one", n)
	}
	said, recovered := 0, 0
	for line := range strings.Lines(w.Daemon.Log.String()) {
		if !strings.Contains(line, `"sink":"sealed"`) && !strings.Contains(line, `"sink": "sealed"`) {
			continue
		}
		if strings.Contains(line, "sink delivery failed") {
			said++
		}
		if strings.Contains(line, "sink recovered") {
			recovered++
		}
	}
	if said > bits.Len(uint(failures)) || failures > 0 && (said == 0 || recovered != 1) {
		t.Errorf("%d failures were logged in %d lines, and the recovery in %d", failures, said, recovered)
	}
	entries, err := os.ReadDir(p.dir)
	must(t, err)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".vigente") {
			t.Errorf("left over: %s", e.Name())
		}
	}
}

// failures counts the failed deliveries.
func (p *sinkDisk) failures() int {
	return p.w.Count(`vigente_sink_writes_total{result="failed",sink="sealed"}`)
}

func holds(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(data)
}

// TestRenewalThatRevokesWaitsForRoom: the sink is on a full disk. A renewal
// would revoke the token in the sink, and the new one could not be delivered,
// so the renewal waits.
func TestRenewalThatRevokesWaitsForRoom(t *testing.T) {
	t.Parallel()
	needs.Root(t)
	tills := tss.New(tss.Options{})
	w := e2etest.Furnish(t, tills, e2etest.NewVault(time.Hour), "")
	mountTmpfs(t, w.Path("till"), "size=64k")
	w.Write("till/appserver.ini", e2etest.IniBefore)
	w.Start()
	w.Eventually("everything is delivered", w.Good)
	token := tills.Token(e2etest.Shop)
	free := fill(t, w.Path("till"))
	if code, _, errs := w.Run("renew", "loja"); code != 1 || !strings.Contains(errs, "no space left") {
		t.Errorf("renew: got exit code %d and %q, want 1 and the full disk", code, errs)
	}
	if tills.Renewals(e2etest.Shop) != 1 || tills.Token(e2etest.Shop) != token {
		t.Error("the delivered token was revoked although the new one cannot be delivered")
	}
	if code, _ := w.Get("/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("readyz: got %d with a failing sink, want 503", code)
	}
	free()
	w.Eventually("it is renewed as soon as there is room", func() bool {
		return tills.Renewals(e2etest.Shop) == 2 && strings.Contains(w.Read("till/appserver.ini"), "Token ="+tills.Token(e2etest.Shop)) && w.Good()
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
