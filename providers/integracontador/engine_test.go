package integracontador

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/engine/enginetest"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/needs"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/integracontador/emulator"
	"github.com/vigented/vigente/providers/internal/brasil"
)

// outcomes records the outcomes.
type outcomes struct {
	mu  sync.Mutex
	all []engine.Outcome
}

func (o *outcomes) Observe(out engine.Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, out)
}

func (o *outcomes) since(at time.Time) (found []engine.Outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, out := range o.all {
		if !out.StartedAt.Before(at) {
			found = append(found, out)
		}
	}
	return found
}

// inProcess calls a handler without a connection.
type inProcess struct{ http.Handler }

func (h inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// office is a plan of one pair and many authors, who share a small key: the test
// is about the calls after midnight, not about signing.
func office(t testing.TB, h http.Handler, authors int, rates string) *plan.Plan {
	t.Helper()
	small, err := ids().authority.Issue(emulator.Issue{Name: "X", Number: testAuthor, Bits: 1024})
	if err != nil {
		t.Fatal(err)
	}
	auth, _ := url.Parse(authURL)
	api, _ := url.Parse(apiURL)
	env := providers.Env{Transport: func(providers.TransportOptions) http.RoundTripper { return inProcess{h} }}
	b := &backend{
		client: exchange.NewClient(env, exchange.ClientOptions{MaxBody: maxBody}), authURL: auth, apiURL: api,
		consumerKey: credential.NewSecret(testKey), secret: credential.NewSecret(testSecret),
		contratante: party{testContratante, "ESCRITÓRIO"}, certificate: certificate{pair: tlsPair(ids().contratante)}, authors: authors,
	}
	limits, err := schedule.ParseRates(rates)
	if err != nil {
		t.Fatal(err)
	}
	specs := &plan.Plan{Providers: []plan.Provider{{Name: "integra", Type: "integra-contador", Concurrency: 8, Rates: limits}}}
	add := func(name string, needs []string, source credential.Provider) {
		specs.Credentials = append(specs.Credentials, plan.Credential{
			Name: name, Provider: "integra", Common: &plan.Common{Type: "integra-contador", Policy: enginetest.Policy()}, Identity: name, Inputs: "i", Needs: needs, Source: source,
		})
	}
	add("sessao", nil, &pair{b})
	for i := range authors {
		number := cpfOf(i)
		add("cliente-"+number, []string{"sessao"}, &procurador{
			backend: b, session: "sessao", author: party{number, "CLIENTE"}, certificate: certificate{pair: tlsPair(small)}, days: 365,
		})
	}
	return specs
}

// cpfOf returns the CPF with number i and its check digits.
func cpfOf(i int) string {
	base := fmt.Sprintf("%09d", 100000000+i)
	for a := range 10 {
		for b := range 10 {
			n := base + string(rune('0'+a)) + string(rune('0'+b))
			if _, err := brasil.CPF(n); err == nil {
				return n
			}
		}
	}
	panic("no check digits")
}

// TestFiveThousandAuthorsAfterMidnight runs an office over a night: all tokens
// expire in the same second, and all are replaced within a minute, at the stated
// rate and with one session. Unless long tests are wanted, a thousand authors run
// at a fifth of the rate.
func TestFiveThousandAuthorsAfterMidnight(t *testing.T) {
	authors, rate := 1000, 24
	if needs.Long() {
		authors, rate = 5000, 120
	}
	ids() // keys are made in real time
	synctest.Test(t, func(t *testing.T) {
		set := settings()
		set.AnyDocument, set.NoEcho, set.WithoutCertificate = true, true, true
		service := emulator.New(set, nil)
		seen := &outcomes{}
		_, stop := enginetest.Run(t, enginetest.NewLedger(), seen, office(t, service, authors, fmt.Sprintf("%d/s", rate)))
		midnight := nextMidnight(time.Now())
		time.Sleep(time.Until(midnight.Add(-time.Minute)))
		if c := service.Counts(); c.Tokens != authors || c.Repeated != 0 {
			t.Fatalf("before midnight: %+v", c)
		}
		time.Sleep(3 * time.Minute)
		stop()

		var starts []time.Time
		for _, o := range seen.since(midnight) {
			if o.Name == "sessao" {
				continue
			}
			if o.Fault != nil || o.Generation != 2 {
				t.Fatalf("%s: %v, generation %d", o.Name, o.Fault, o.Generation)
			}
			starts = append(starts, o.StartedAt)
		}
		slices.SortFunc(starts, time.Time.Compare)
		if len(starts) != authors {
			t.Fatalf("%d of %d were sent again", len(starts), authors)
		}
		if first, last := starts[0].Sub(midnight), starts[authors-1].Sub(midnight); first < 2*time.Second || last > time.Minute {
			t.Errorf("the first after %v, the last after %v", first, last)
		}
		for i := rate; i < authors; i++ {
			if d := starts[i].Sub(starts[i-rate]); d < 900*time.Millisecond {
				t.Fatalf("%d calls within %v", rate+1, d)
			}
		}
		c := service.Counts()
		if c.Tokens != 2*authors || c.Repeated != 0 || c.Documents != authors || c.Refused != 0 || c.Unauthorized != 0 || c.Sessions > 5 {
			t.Errorf("counts %+v", c)
		}
		t.Logf("%d authors: the first %v, the last %v after midnight, at %d/s; %d sessions", authors, starts[0].Sub(midnight), starts[authors-1].Sub(midnight), rate, c.Sessions)
	})
}

// TestSessionIsRenewedOnceForAll ends the session while many authors use it.
func TestSessionIsRenewedOnceForAll(t *testing.T) {
	const authors = 50
	ids()
	synctest.Test(t, func(t *testing.T) {
		set := settings()
		set.AnyDocument, set.WithoutCertificate, set.Latency = true, true, 200*time.Millisecond
		service := emulator.New(set, nil)
		seen := &outcomes{}
		specs := office(t, service, authors, "")
		specs.Providers[0].Concurrency = 1 // no call is in progress while the session is renewed
		eng, stop := enginetest.Run(t, enginetest.NewLedger(), seen, specs)
		time.Sleep(5 * time.Minute)
		service.EndSessions()
		var names []string
		for _, c := range specs.Credentials[1:] {
			names = append(names, c.Name)
		}
		before := service.Counts()
		if err := eng.Renew(t.Context(), names, func(engine.RenewResult) {}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Minute)
		after := service.Counts()
		if after.Sessions-before.Sessions != 1 || after.Repeated-before.Repeated != authors || after.Unauthorized < 1 {
			t.Errorf("before %+v, after %+v", before, after)
		}
		stop()
	})
}
