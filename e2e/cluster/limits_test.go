package cluster

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// state waits until a credential is in a state on all machines.
func (b *box) state(name, want string) {
	b.t.Helper()
	b.within("what one machine was told", name+" is "+want+" everywhere", func() string {
		for _, h := range b.hosts {
			if _, state := h.generation(name); state != want {
				return h.name + " has " + state
			}
		}
		return ""
	})
}

// secretRefused: what the backend refuses to one machine, no other sends again,
// not even after a restart, until a person asks for it. A machine with another
// secret tries its own.
func secretRefused(b *box) {
	a, c := b.hosts[0], b.hosts[2]
	begun := time.Now()
	if err := b.judge.SetFault("invalid-client", 1); err != nil {
		b.t.Fatal(err)
	}
	if code, _, _ := a.Run("renew", "plain"); code != 1 {
		b.t.Errorf("renew with a refused secret: got exit code %d, want 1", code)
	}
	for _, name := range []string{"plain", "sales"} { // the same client
		b.state(name, "parked")
	}
	c.again()
	pause(b.t.Context(), 5*time.Second)
	b.state("plain", "parked")
	if calls := b.judge.since(begun); len(calls) != 1 {
		b.t.Errorf("got %d calls with a refused secret, want 1: %v", len(calls), calls)
	}

	changed := time.Now()
	c.Write("secret", "another secret, which is wrong")
	b.eventually("c tries its other secret", func() bool { return len(b.judge.since(changed)) > 0 })
	pause(b.t.Context(), 5*time.Second)
	calls := b.judge.since(changed)
	for _, one := range calls {
		if one.machine != b.net.address(2) || len(calls) > 2 { // one for each credential
			b.t.Errorf("got calls %v, want one or two, from c alone", calls)
		}
	}

	b.hosts[1].renewed("plain") // A person knows that it is accepted again.
	b.state("plain", "valid")
	b.state("sales", "valid")
	corrected := time.Now()
	c.Write("secret", clientSecret)
	b.eventually("c uses its corrected secret", func() bool { return len(b.judge.since(corrected)) > 0 })
	b.settled("a secret that was refused")
}

// coolDown: what the backend asks of one machine, all keep to.
func coolDown(b *box) {
	if err := b.judge.SetFault("throttled", 1); err != nil {
		b.t.Fatal(err)
	}
	begun := time.Now()
	var all sync.WaitGroup
	all.Go(func() { _, _, _ = b.hosts[0].Run("renew", "plain") })
	b.eventually("the backend asks for a cool-down", func() bool { return len(b.judge.since(begun)) > 0 })
	pause(b.t.Context(), 500*time.Millisecond)
	for i, h := range b.hosts {
		all.Go(func() { h.renewed([]string{"sales", "plain", "plain"}[i]) })
	}
	all.Wait()
	calls := b.judge.since(begun)
	if len(calls) < 3 {
		b.t.Fatalf("got %d calls, want those of all machines", len(calls))
	}
	wait := calls[1].at.Sub(calls[0].at)
	if wait < 7*time.Second {
		b.t.Errorf("the next call came %s after the first, want the 7s that the backend asked for", wait)
	}
	b.t.Logf("the next call came after %s, then %d more", wait.Round(time.Millisecond), len(calls)-2)
	b.settled("a cool-down")
}

const paced = `
[providers.paced]
type = "oauth2"
token_url = "BASE/token"
client_id = "loja-1"
client_secret = { file = "{dir}/secret" }
tls = { ca_file = "{dir}/../ca.pem" }
rate = "4/s"
`

// rateShared: a cold start of forty credentials on three machines keeps to the
// rate of one.
func rateShared(b *box) {
	const credentials, perSecond = 40, 4
	text := paced
	for i := range credentials {
		text += fmt.Sprintf("[credentials.p%d]\nprovider = \"paced\"\ngrant = \"client_credentials\"\nscope = \"p%d\"\n", i, i)
	}
	begun := time.Now()
	var all sync.WaitGroup
	for _, h := range b.hosts {
		base := h.Read("config.toml")
		all.Go(func() { h.Write("config.toml", base+h.filled(text)); h.reload() })
		defer func() { h.Write("config.toml", base); h.reload() }()
	}
	all.Wait()
	for i := range credentials {
		name := fmt.Sprintf("p%d", i)
		b.eventually(name+" is everywhere", func() bool {
			for _, h := range b.hosts {
				if generation, _ := h.generation(name); generation != 1 {
					return false
				}
			}
			return true
		})
	}
	calls := b.judge.since(begun)
	if len(calls) != credentials {
		b.t.Errorf("got %d calls for %d credentials", len(calls), credentials)
	}
	most := fastest(calls, 2*time.Second)
	if most > perSecond*2*5/4 {
		b.t.Errorf("got %d calls in two seconds, want a quarter above %d at most", most, perSecond*2)
	}
	by := map[string]int{}
	for _, c := range calls {
		by[c.machine]++
	}
	b.t.Logf("%d calls in %s, at most %d in two seconds, by machine %v", len(calls), calls[len(calls)-1].at.Sub(calls[0].at).Round(100*time.Millisecond), most, by)
}

// fastest returns the highest number of calls in any window of that length.
func fastest(calls []call, window time.Duration) (most int) {
	first := 0
	for i, c := range calls {
		for c.at.Sub(calls[first].at) >= window {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

func TestFastestWindow(t *testing.T) {
	t.Parallel()
	at := time.Unix(0, 0)
	var calls []call
	for _, s := range []int{0, 1, 2, 9, 10, 10, 11, 12} {
		calls = append(calls, call{at: at.Add(time.Duration(s) * time.Second)})
	}
	if got := fastest(calls, 2*time.Second); got != 3 {
		t.Errorf("got %d, want the 3 of 9 to 10", got)
	}
}
