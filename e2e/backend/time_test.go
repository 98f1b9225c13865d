package backend

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
)

// vaultWithClock issues tokens that live a few seconds, with a Date that is
// off.
type vaultWithClock struct {
	life time.Duration
	off  time.Duration

	mu    sync.Mutex
	calls []time.Time
}

func (v *vaultWithClock) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Date", time.Now().Add(v.off).UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Type", "application/json")
	if r.Method != http.MethodPost {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	v.mu.Lock()
	v.calls = append(v.calls, time.Now())
	n := len(v.calls)
	v.mu.Unlock()
	fmt.Fprintf(w, `{"access_token":"token-%d","token_type":"Bearer","expires_in":%d}`, n, int(v.life.Seconds()))
}

func (v *vaultWithClock) times() []time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.calls)
}

const oneVault = `
[renewal]
min_interval = "1s"
[providers.vault]
type = "senhasegura"
url = %q
client_id = "id"
client_secret = { file = "{dir}/secret" }
[credentials.vault]
provider = "vault"
[sinks.file]
type = "file"
path = "{dir}/out/token"
content = "${vault.access_token}"
`

// TestADaemonThatSleptRenewsOnce stops the process past a renewal and past the
// expiry, as a suspend does, and resumes it.
func TestADaemonThatSleptRenewsOnce(t *testing.T) {
	t.Parallel()
	v := &vaultWithClock{life: 6 * time.Second}
	w := e2etest.NewWorld(t, fmt.Sprintf(oneVault, e2etest.Serve(t, v)))
	w.Write("secret", "s")
	w.Write("out/.keep", "")
	w.Start()
	w.Eventually("the first token is there", func() bool { return w.Status().States()["vault"] == "valid" })
	w.Signal(syscall.SIGSTOP)
	before := len(v.times())
	over := time.Now().Add(v.life + time.Second)
	w.Eventually("the token is over", func() bool { return time.Now().After(over) })
	if n := len(v.times()); n > before {
		t.Errorf("got %d calls from a stopped daemon", n-before)
	}
	w.Signal(syscall.SIGCONT)
	awake := time.Now()
	w.Eventually("it is renewed", func() bool { return len(v.times()) > before })
	w.Eventually("the new token is in its place", func() bool { return strings.HasPrefix(w.Read("out/token"), fmt.Sprintf("token-%d", before+1)) })
	calls := v.times()
	if took := calls[before].Sub(awake); took > 5*time.Second {
		t.Errorf("renewed %s after it was resumed, want within 5s", took)
	}
	w.Eventually("the next renewal comes in its time", func() bool { return len(v.times()) > before+1 })
	if gap := v.times()[before+1].Sub(calls[before]); gap < 3*time.Second {
		t.Errorf("called again after %s, want at least 3s with a token lifetime of %s", gap, v.life)
	}
}

// TestAClockAnHourOffIsSaid uses a backend whose Date is an hour behind.
func TestAClockAnHourOffIsSaid(t *testing.T) {
	t.Parallel()
	v := &vaultWithClock{life: 3 * time.Second, off: -time.Hour}
	w := e2etest.NewWorld(t, fmt.Sprintf(oneVault, e2etest.Serve(t, v)))
	w.Write("secret", "s")
	w.Write("out/.keep", "")
	w.Start()
	w.Eventually("it has renewed a few times", func() bool { return len(v.times()) >= 3 })
	_, metrics := w.Get("/metrics")
	if !strings.Contains(metrics, `vigente_clock_offset_seconds{provider="vault"} -36`) && !strings.Contains(metrics, `vigente_clock_offset_seconds{provider="vault"} -3599`) {
		t.Errorf("the metrics show no clock offset of an hour:\n%s", metrics)
	}
	if n := strings.Count(w.Daemon.Log.String(), "clocks differ"); n != 1 {
		t.Errorf("logged %d times, want once\n%s", n, w.Daemon.Log)
	}
	for _, args := range [][]string{{"doctor"}, {"check", "--probe"}} {
		code, out, errs := w.Run(args...)
		if code != 1 || !strings.Contains(out, "its clock and ours differ by 1h0m") && !strings.Contains(out, "its clock and ours differ by 59m") {
			t.Errorf("%s: %d\n%s\n%s", args, code, out, errs)
		}
	}
}
