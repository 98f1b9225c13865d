package integracontador

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/engine/enginetest"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/store"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/integracontador/emulator"
)

// The night of the benchmark: the office's limits, and how long after its start
// all tokens expire, which leaves time to obtain them and for the minimum
// interval between two calls.
const (
	nightAuthors     = 5000
	nightRate        = 120 // a second
	nightConcurrency = 32
	nightKeys        = 4
	nightWait        = 85 * time.Second
	nightPatience    = 3 * time.Minute // after the expiry
	nightBound       = time.Minute     // as promised
)

// BenchmarkFiveThousandAuthorsForReal is the night of an office on real clocks:
// the engine with the durable store, real TLS over loopback, Termos signed with
// 2048-bit RSA keys and fully verified by the emulator. 5,000 tokens expire at
// one time, and s-to-last is how long after it the last author's new token is on
// the disk. It takes about two and a half minutes:
//
//	go test ./providers/integracontador -run '^$' -bench ForReal -benchtime 1x
//
// Measured on two cores of a busy AMD EPYC (load 6 to 8): the first 1.07 s after
// the expiry, the last 50.97 s, which is the spread of the authors (up to 51 s)
// and no queue; 1 session and 10,000 calls in all, the slowest call of the second
// half 0.54 s, and 39 s of processor time for client and emulator together.
func BenchmarkFiveThousandAuthorsForReal(b *testing.B) {
	for b.Loop() {
		night(b)
	}
}

func night(b *testing.B) {
	service, base, ca := secure(b)
	specs := realOffice(b, base, ca)
	st, err := store.Open(b.TempDir(), store.Options{Key: &[32]byte{1}})
	if err != nil {
		b.Fatal(err)
	}
	defer st.Close(context.Background())
	// The service states whole seconds.
	end := time.Now().Add(nightWait).Truncate(time.Second)
	service.Configure(func(s *emulator.Settings) { s.EndsAt, s.Life = end, emulator.TwelveHours })
	seen := &nightWatch{b: b, end: end, filled: make(chan struct{}), renewed: make(chan struct{})}
	seed := st.Seed()
	engine := engine.New(engine.Options{Ledger: st, Observer: seen, Seed: binary.LittleEndian.Uint64(seed[:8])})
	engine.Install(plan.Between(&plan.Plan{}, specs), schedule.Memory{})
	ctx, stop := context.WithCancel(b.Context())
	done := make(chan struct{})
	go func() { engine.Run(ctx); close(done) }()
	defer func() { stop(); <-done }()

	select {
	case <-seen.filled:
	case <-time.After(time.Until(end.Add(-enginetest.Policy().MinInterval))):
		b.Fatalf("this machine did not obtain the first tokens in time: %+v", service.Counts())
	}
	select {
	case <-seen.renewed:
	case <-time.After(time.Until(end.Add(nightPatience))):
		b.Fatalf("not all were sent again: %+v", service.Counts())
	}
	c := service.Counts()
	if c.Tokens != 2*nightAuthors || c.Apoiar != 2*nightAuthors || c.Documents != nightAuthors || c.Sessions > 2 || c.Logins > 2 {
		b.Errorf("counts %+v", c)
	}
	slices.SortFunc(seen.starts, time.Time.Compare)
	for i := nightRate; i < nightAuthors; i++ {
		if d := seen.starts[i].Sub(seen.starts[i-nightRate]); d < 900*time.Millisecond {
			b.Errorf("%d calls within %v", nightRate+1, d)
			break
		}
	}
	last := seen.last.Sub(end)
	if last > nightBound {
		b.Errorf("the last author had another token %v after the end, want at most %v", last, nightBound)
	}
	b.ReportMetric(0, "ns/op") // most of it is waiting for the expiry
	b.ReportMetric(seen.starts[0].Sub(end).Seconds(), "s-to-first")
	b.ReportMetric(last.Seconds(), "s-to-last")
	b.ReportMetric(seen.slowest.Seconds(), "s-slowest-call")
	b.ReportMetric(float64(c.Sessions), "sessions")
	b.ReportMetric(float64(c.Apoiar), "calls")
}

// nightWatch sees every author obtain a token twice. The engine reports outcomes
// one by one, each when its record is durable.
type nightWatch struct {
	b               *testing.B
	end             time.Time
	first, second   int
	starts          []time.Time // of the second calls
	last            time.Time   // when the last of them was durable
	slowest         time.Duration
	filled, renewed chan struct{}
}

func (w *nightWatch) Observe(o engine.Outcome) {
	if o.Fault != nil || o.SaveError != nil {
		w.b.Errorf("%s: %v %v", o.Name, o.Fault, o.SaveError)
	}
	if o.Name == "sessao" {
		return
	}
	switch o.Generation {
	case 1:
		if w.first++; w.first == nightAuthors {
			close(w.filled)
		}
	case 2:
		if o.StartedAt.Before(w.end) {
			w.b.Errorf("%s was sent again %v before the end", o.Name, w.end.Sub(o.StartedAt))
		}
		w.starts = append(w.starts, o.StartedAt)
		w.slowest = max(w.slowest, o.Took)
		if w.second++; w.second == nightAuthors {
			w.last = time.Now()
			close(w.renewed)
		}
	default:
		w.b.Errorf("%s has generation %d", o.Name, o.Generation)
	}
}

// realOffice opens one pair and the authors from sections of a configuration,
// each author with a certificate of its own.
func realOffice(b *testing.B, base, ca string) *plan.Plan {
	b.Helper()
	dir := b.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	write("secret", testSecret+"\n")
	write("contratante.pem", pemOf(b, ids().contratante))
	var keys []*rsa.PrivateKey
	for range nightKeys {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			b.Fatal(err)
		}
		keys = append(keys, key)
	}
	limits, err := schedule.ParseRates(fmt.Sprintf("%d/s", nightRate))
	if err != nil {
		b.Fatal(err)
	}
	s := parse(b, "providers.integra", dir, `
		auth_url = "`+base+`/authenticate"
		api_url = "`+base+`/integra-contador/v1"
		consumer_key = "`+testKey+`"
		consumer_secret = { file = "{dir}/secret" }
		contratante = { numero = "`+testContratante+`", nome = "ESCRITÓRIO" }
		tls = { ca_file = "`+ca+`" }
		certificate = { file = "{dir}/contratante.pem" }`)
	backend := Kind().Open(s, providers.Env{Warn: func(m string) { b.Error(m) }, Transport: func(opt providers.TransportOptions) http.RoundTripper {
		transport := &http.Transport{TLSClientConfig: opt.TLS, MaxIdleConnsPerHost: nightConcurrency}
		b.Cleanup(transport.CloseIdleConnections)
		return transport
	}})
	for _, f := range s.Finish() {
		b.Fatal(f)
	}
	specs := &plan.Plan{Providers: []plan.Provider{{Name: "integra", Type: "integra-contador", Concurrency: nightConcurrency, Rates: limits}}}
	add := func(name, text string) {
		s := parse(b, "credentials."+name, dir, text)
		bound := backend.Bind(s)
		for _, f := range s.Finish() {
			b.Fatal(f)
		}
		specs.Credentials = append(specs.Credentials, plan.Credential{
			Name: name, Provider: "integra", Common: &plan.Common{Type: "integra-contador", Policy: enginetest.Policy(), Fields: bound.Fields}, Identity: bound.Identity, Inputs: "1",
			Needs: bound.Needs, Source: bound.Source,
		})
	}
	add("sessao", "")
	for i := range nightAuthors {
		number := cpfOf(i)
		id, err := ids().authority.Issue(emulator.Issue{Name: "CLIENTE", Number: number, Key: keys[i%nightKeys]})
		if err != nil {
			b.Fatal(err)
		}
		write(number+".pem", pemOf(b, id))
		add("cliente-"+number, `
			session = "sessao"
			author = { numero = "`+number+`", nome = "CLIENTE", certificate = { file = "{dir}/`+number+`.pem" } }`)
	}
	return specs
}
