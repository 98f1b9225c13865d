package oauth2

import (
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/engine/enginetest"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/providers/oauth2/emulator"
	"github.com/vigented/vigente/providers/providertest"
)

// disk is a ledger with the one record of these tests.
type disk struct{ *enginetest.Ledger }

func newDisk() *disk { return &disk{enginetest.NewLedger()} }

// copied returns the records that a killed daemon leaves.
func (d *disk) copied() *disk { return &disk{d.Copy()} }

func (d *disk) record() schedule.Record { return d.Record("c") }

// life is one run of a daemon over a disk.
type life struct {
	*engine.Engine
	source *source
	stop   func()
}

func begin(t testing.TB, server *emulator.Server, d *disk, provider, cred string) life {
	t.Helper()
	suite := clientSuite()
	suite.Provider = "token_url = \"https://login.example/token\"\nclient_id = \"" + testID + "\"\nclient_secret = { env = \"OAUTH2_SECRET\" }\n" + provider
	suite.Credential = cred
	b := suite.Open(t, providertest.Serve(t, server).Env())
	src := b.Source.(*source)
	src.name = "c"
	specs := &plan.Plan{
		Providers: []plan.Provider{{Name: "p", Type: "oauth2", Concurrency: 8}},
		Credentials: []plan.Credential{{
			Name: "c", Provider: "p", Common: &plan.Common{Type: "oauth2", Fields: b.Fields, Policy: enginetest.Policy()}, Identity: b.Identity, Inputs: "i", Source: b.Source,
		}},
	}
	e, stop := enginetest.Run(t, d.Ledger, enginetest.Deaf{}, specs)
	return life{e, src, stop}
}

// pass lets time pass and reports whether the token on the disk was in force at
// every step.
func pass(server *emulator.Server, d *disk, span time.Duration) bool {
	good := true
	for end := time.Now().Add(span); time.Now().Before(end); {
		time.Sleep(time.Minute)
		synctest.Wait()
		good = good && server.Active(d.record().Token().Values["access_token"].Reveal())
	}
	return good
}

// story runs with a server at which a credential is already logged in.
func story(t *testing.T, provider string, tell func(t *testing.T, server *emulator.Server, d *disk, l life)) {
	t.Setenv("OAUTH2_SECRET", testSecret)
	synctest.Test(t, func(t *testing.T) {
		server := emulator.New(emulator.Settings{Clients: []emulator.Client{{ID: testID, Secret: testSecret}}}, time.Now)
		d := newDisk()
		l := begin(t, server, d, provider, refreshGrant)
		defer func() { l.stop() }()
		synctest.Wait()
		if r := d.record(); !r.Past.Parked || !strings.Contains(r.Past.Last.Message, "vigente login c") || server.Counts().Requests > 0 {
			t.Fatalf("before the login: %+v, %d calls", r.Past, server.Counts().Requests)
		}
		seed, err := l.source.Import(credential.NewSecret(server.Seed(testID, "a")))
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Plant(t.Context(), "c", seed); err != nil {
			t.Fatal(err)
		}
		if err := l.Renew(t.Context(), []string{"c"}, func(r engine.RenewResult) {
			if !r.Good() {
				t.Error(r.Failure)
			}
		}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		tell(t, server, d, l)
	})
}

func TestAWeekOfRotation(t *testing.T) {
	story(t, "", func(t *testing.T, server *emulator.Server, d *disk, l life) {
		if !pass(server, d, 7*24*time.Hour) {
			t.Errorf("the token lapsed: %+v", d.record().Past.Last)
		}
		if n := server.Counts(); n.Reused != 0 || n.Refreshes < 200 {
			t.Errorf("the server saw %+v", n)
		}
	})
}

func TestALostAnswerKeepsTheLiveToken(t *testing.T) {
	for _, c := range []struct {
		fault  string
		reused int
	}{{"lost-answer", 1}, {"drop", 0}} {
		story(t, "", func(t *testing.T, server *emulator.Server, d *disk, l life) {
			calls := server.Counts().TokenRequests // one, or two when the login was renewed before it was asked for
			if err := server.SetFault(c.fault, 1); err != nil {
				t.Fatal(err)
			}
			if !pass(server, d, 50*time.Minute) || server.Counts().Reused != 0 {
				t.Errorf("%s: the token in hand died, or its seed was shown again: %+v", c.fault, server.Counts())
			}
			r := d.record()
			if !r.Past.Open || r.Past.Last == nil || !strings.Contains(r.Past.Last.Message, "--force") {
				t.Errorf("%s: %+v", c.fault, r.Past)
			}
			if kept, err := l.KeptBack(t.Context(), []string{"c"}); err != nil || len(kept) != 1 {
				t.Errorf("%s: kept back %v, %v", c.fault, kept, err)
			}
			pass(server, d, 9*time.Minute)
			if n := server.Counts(); n.Reused != c.reused || n.TokenRequests != calls+2 {
				t.Errorf("%s: about to end, the server saw %+v", c.fault, n)
			}
			if parked := d.record().Past.Parked; parked != (c.reused > 0) {
				t.Errorf("%s: parked is %v", c.fault, parked)
			}
		})
	}
}

func TestAKillWithinTheCallKeepsTheSeedBack(t *testing.T) {
	story(t, "", func(t *testing.T, server *emulator.Server, d *disk, l life) {
		if err := server.SetFault("hang", 1); err != nil {
			t.Fatal(err)
		}
		calls := server.Counts().TokenRequests
		for server.Counts().TokenRequests == calls {
			time.Sleep(time.Second)
			synctest.Wait()
		}
		killed := d.copied()
		next := begin(t, server, killed, "", refreshGrant)
		defer func() { next.stop() }()
		l.stop()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := server.Counts(); n.TokenRequests != calls+1 {
			t.Errorf("after the kill the seed was shown again: %+v", n)
		}
		pass(server, killed, 20*time.Minute)
		if n := server.Counts(); n.Reused != 0 || killed.record().Past.Open {
			t.Errorf("the renewal was not made up for: %+v", n)
		}
	})
}

func TestGraceShowsTheSeedAgain(t *testing.T) {
	story(t, "rotation = \"grace\"\ngrace = \"2m\"\n", func(t *testing.T, server *emulator.Server, d *disk, l life) {
		server.Configure(func(s *emulator.Settings) { s.Grace = 2 * time.Minute })
		if err := server.SetFault("lost-answer", 1); err != nil {
			t.Fatal(err)
		}
		if !pass(server, d, 3*time.Hour) || server.Counts().Reused != 0 {
			t.Errorf("%+v, %+v", server.Counts(), d.record().Past)
		}
	})
}

func TestARefusedGrantParksOnce(t *testing.T) {
	story(t, "", func(t *testing.T, server *emulator.Server, d *disk, l life) {
		if err := server.SetFault("invalid-grant", 1); err != nil {
			t.Fatal(err)
		}
		calls := server.Counts().TokenRequests
		pass(server, d, 5*time.Hour)
		if n := server.Counts().TokenRequests - calls; n != 1 || !d.record().Past.Parked {
			t.Errorf("%d calls, parked %v", n, d.record().Past.Parked)
		}
	})
}

// kills is how many kills TestKillsSpendNoSeedTwice makes; VIGENTE_KILLS overrides
// it.
func kills(t testing.TB) int {
	n, err := strconv.Atoi(os.Getenv("VIGENTE_KILLS"))
	if err != nil {
		return 40
	}
	return n
}

// TestKillsSpendNoSeedTwice kills the daemon repeatedly, usually during a call, at
// a slow server that revokes a family when a spent refresh token is used. This
// must not cost a token in force before it is about to expire; after that, a
// person logs in again.
func TestKillsSpendNoSeedTwice(t *testing.T) {
	t.Setenv("OAUTH2_SECRET", testSecret)
	chance := rand.New(rand.NewPCG(1, 2))
	synctest.Test(t, func(t *testing.T) {
		server := emulator.New(emulator.Settings{
			Clients: []emulator.Client{{ID: testID, Secret: testSecret}}, Latency: 3 * time.Second,
		}, time.Now)
		d := newDisk()
		l := begin(t, server, d, "", refreshGrant)
		within, logins := 0, 0
		for range kills(t) {
			if r := d.record(); r.Past.Parked || len(r.Token().Seed) == 0 {
				logins++
				seed, err := l.source.Import(credential.NewSecret(server.Seed(testID, "a")))
				if err == nil {
					err = l.Plant(t.Context(), "c", seed)
				}
				if err == nil {
					err = l.Renew(t.Context(), []string{"c"}, func(engine.RenewResult) {})
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			calls, reused := server.Counts().TokenRequests, server.Counts().Reused
			for wait := time.Duration(chance.Int64N(int64(2 * time.Hour))); wait > 0 && server.Counts().TokenRequests == calls; wait -= time.Second {
				before := d.record()
				time.Sleep(time.Second)
				synctest.Wait()
				left := time.Until(before.Token().ExpiresAt)
				if n := server.Counts().Reused; n > reused && left > 6*time.Minute+10*time.Second {
					t.Fatalf("a spent seed was shown with %s of the token left: %+v", left, before.Past)
				}
			}
			if server.Counts().TokenRequests > calls {
				time.Sleep(time.Duration(chance.Int64N(int64(4 * time.Second)))) // during the call, or just after it
				within++
			}
			d = d.copied()
			l.stop()
			l = begin(t, server, d, "", refreshGrant)
			synctest.Wait()
		}
		l.stop()
		n := server.Counts()
		t.Logf("%d kills within a call, %d logins, %d refreshes, %d spent seeds shown when the token was about to end", within, logins, n.Refreshes, n.Reused)
	})
}
