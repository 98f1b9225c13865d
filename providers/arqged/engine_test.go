package arqged

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine/enginetest"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/needs"
	"github.com/vigented/vigente/providers/arqged/emulator"
)

// disk is a ledger with the one record of these tests.
type disk struct{ *enginetest.Ledger }

func newDisk() *disk { return &disk{enginetest.NewLedger()} }

// copied returns the records that a killed daemon leaves.
func (d *disk) copied() *disk { return &disk{d.Copy()} }

func (d *disk) record() schedule.Record { return d.Record("ged") }

func (d *disk) token() string { return d.record().Token().Values[fieldToken].Reveal() }

// run starts a daemon's engine over a disk, with everything opened again.
func run(t testing.TB, e *emulator.Server, d *disk, inputs, provider, cred string) (stop func()) {
	t.Helper()
	o := sound(t, e, provider, cred)
	rates, err := schedule.ParseRates(Kind().Rate)
	if err != nil {
		t.Fatal(err)
	}
	specs := &plan.Plan{
		Providers: []plan.Provider{{Name: "ged", Type: "arqged", Concurrency: 8, Rates: rates}},
		Credentials: []plan.Credential{{
			Name: "ged", Provider: "ged", Common: &plan.Common{Type: "arqged", Fields: o.binding.Fields, Policy: enginetest.Policy()}, Identity: o.binding.Identity, Inputs: inputs,
			Source: o.binding.Source,
		}},
	}
	_, stop = enginetest.Run(t, d.Ledger, enginetest.Deaf{}, specs)
	return stop
}

// live lets time pass and requires a valid token on the disk at every step.
func live(t testing.TB, e *emulator.Server, d *disk, span, step time.Duration) {
	t.Helper()
	for end := time.Now().Add(span); time.Now().Before(end); {
		time.Sleep(step)
		synctest.Wait()
		if !e.Valid(d.token()) {
			t.Fatalf("at %v the token on the disk is dead; last failure %+v", time.Now(), d.record().Past.Last)
		}
	}
}

// innocent must hold in every test here: no spent or expired refresh token is sent,
// and no account comes near a lock-out.
func innocent(t testing.TB, e *emulator.Server, failedLogins int) {
	t.Helper()
	c := e.Counts()
	if c.SpentShown != 0 || c.ExpiredShown != 0 {
		t.Errorf("%d refresh tokens were shown after they were spent, %d after their end", c.SpentShown, c.ExpiredShown)
	}
	if got := c.FailedLogins[testUser]; got != failedLogins {
		t.Errorf("%d failed logins, want %d", got, failedLogins)
	}
}

// begin returns an emulator and a running engine that has its first token.
func begin(t testing.TB, set emulator.Settings, cred string) (*emulator.Server, *disk, func()) {
	t.Helper()
	e, d := emulator.New(set, nil), newDisk()
	stop := run(t, e, d, "1", withKeys, cred)
	synctest.Wait()
	return e, d, stop
}

const daily = "token_minutes = 1440"

// renewal waits until just after the next planned attempt.
func renewal(d *disk) {
	time.Sleep(time.Until(d.record().Past.PlannedAt) + time.Second)
	synctest.Wait()
}

func TestThirtyDaysOfRenewals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e, d, stop := begin(t, settings(), daily)
		defer stop()
		live(t, e, d, 30*24*time.Hour, 17*time.Minute)
		c := e.Counts()
		if c.Logins != 1 || c.RefreshesAccepted != c.Refreshes || c.Refreshes < 35 || c.Refreshes > 50 {
			t.Errorf("counts %+v", c)
		}
		innocent(t, e, 0)
		if limits := d.record().Token().Limits; len(limits) != 1 || limits[0].Kind != "refresh_token" || limits[0].Person || time.Until(limits[0].EndsAt) < 28*24*time.Hour {
			t.Errorf("limits %+v", limits)
		}
	})
}

// TestAnswersThatAreLost loses the answer to a refresh after the exchange, in every
// way, at a service that would end all tokens if the refresh token was reused.
func TestAnswersThatAreLost(t *testing.T) {
	for _, fault := range []string{"lost-answer", "hang-after", "cut-after", "half-json", "error-after", "token-empty", "token-injects", "html-502", "gateway-timeout", "empty", "html"} {
		t.Run(fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				set := settings()
				set.ReuseKills = true
				e, d, stop := begin(t, set, daily)
				defer stop()
				for range 5 {
					live(t, e, d, 40*time.Hour, time.Hour)
					before := e.Counts()
					if err := e.SetFault(fault, 1); err != nil {
						t.Fatal(err)
					}
					renewal(d)
					if r := d.record(); fault != "hang-after" && len(r.Token().Seed) != 0 || r.Past.Parked {
						t.Errorf("after the lost answer: seed %v, parked %v", r.Token().Seed, r.Past.Parked)
					}
					live(t, e, d, 3*time.Minute, time.Second)
					after := e.Counts()
					if after.Logins-before.Logins != 1 || after.Refreshes-before.Refreshes > 1 {
						t.Errorf("a lost answer led from %+v to %+v", before, after)
					}
				}
				innocent(t, e, 0)
			})
		})
	}
}

// TestLostLogins loses answers to logins too: they are repeated.
func TestLostLogins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := settings()
		set.ReuseKills = true
		e, d := emulator.New(set, nil), newDisk()
		_ = e.SetFault("lost-answer", 3)
		defer run(t, e, d, "1", withKeys, daily)()
		time.Sleep(10 * time.Minute)
		live(t, e, d, 15*time.Hour, time.Hour)
		_ = e.SetFault("lost-answer", 4)
		renewal(d)
		live(t, e, d, 40*time.Hour, time.Hour)
		if c := e.Counts(); c.Logins != 4+4 || c.Refreshes < 2 {
			t.Errorf("counts %+v", c)
		}
		innocent(t, e, 0)
	})
}

// TestKilledDuringARefresh starts from the records of a killed daemon: the intent of
// a call whose outcome is unknown.
func TestKilledDuringARefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := settings()
		set.ReuseKills = true
		e, d, stop := begin(t, set, daily)
		live(t, e, d, 2*time.Hour, time.Hour)
		_ = e.SetFault("hang-after", 1)
		renewal(d)
		left := d.copied()
		if !left.record().Past.Open || len(left.record().Token().Seed) == 0 {
			t.Fatalf("the intent is not on the disk: %+v", left.record().Past)
		}
		stop()
		before := e.Counts()
		defer run(t, e, left, "1", withKeys, daily)()
		live(t, e, left, 30*time.Hour, time.Minute)
		if c := e.Counts(); c.Logins-before.Logins != 1 {
			t.Errorf("from %+v to %+v", before, c)
		}
		innocent(t, e, 0)
	})
}

// TestADoubtOutlivesALoginThatFails: between the lost refresh and the next successful
// login, logins fail before they leave or at the gateway.
func TestADoubtOutlivesALoginThatFails(t *testing.T) {
	for _, fault := range []string{"throttled", "key-invalid", "not-found", "html-403", "unavailable", "redirect"} {
		t.Run(fault, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				set := settings()
				set.ReuseKills = true
				e, d, stop := begin(t, set, daily)
				live(t, e, d, time.Hour, time.Hour)
				_ = e.SetFault("hang-after", 1)
				renewal(d)
				left := d.copied()
				stop()
				_ = e.SetFault(fault, 1)
				defer run(t, e, left, "1", withKeys, daily)()
				live(t, e, left, 10*time.Hour, time.Minute)
				if c := e.Counts(); c.Logins != 2 {
					t.Errorf("counts %+v", c)
				}
				innocent(t, e, 0)
			})
		})
	}
}

func TestARefusedRefreshLeadsToOneLogin(t *testing.T) {
	for _, status := range []int{400, 401, 404, 422} {
		for _, body := range []emulator.RefusalBody{emulator.Problem, emulator.EmptyBody, emulator.Sentence, emulator.Mensagem, emulator.PlainText} {
			synctest.Test(t, func(t *testing.T) {
				set := settings()
				set.RefusalStatus, set.RefusalBody = status, body
				e, d, stop := begin(t, set, daily)
				defer stop()
				_ = e.SetFault("refresh-refused", 1)
				renewal(d)
				if r := d.record(); r.Past.Parked || len(r.Token().Seed) != 0 || r.Past.Last == nil || r.Past.Last.Reason.Parks() {
					t.Errorf("after the refusal: %+v", r.Past)
				}
				live(t, e, d, time.Hour, time.Minute)
				if c := e.Counts(); c.Logins != 2 || c.Refreshes != 1 {
					t.Errorf("%d %s: counts %+v", status, body, c)
				}
				innocent(t, e, 0)
			})
		}
	}
}

// TestAServiceThatWantsABearerToRefresh answers every refresh with 401: logins keep
// the token in force.
func TestAServiceThatWantsABearerToRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := settings()
		set.RefreshNeedsBearer = true
		e, d, stop := begin(t, set, daily)
		defer stop()
		live(t, e, d, 5*24*time.Hour, time.Hour)
		if c := e.Counts(); c.LoginsAccepted != c.Refreshes+1 || c.Logins > 8 {
			t.Errorf("counts %+v", c)
		}
		innocent(t, e, 0)
	})
}

// TestARefusedLoginParksOverRestarts changes the password at the service, with a
// refresh token that expires on the same day.
func TestARefusedLoginParksOverRestarts(t *testing.T) {
	for _, status := range []int{400, 401, 404, 422} {
		synctest.Test(t, func(t *testing.T) {
			set := settings()
			set.RefusalStatus = status
			e, d, stop := begin(t, set, daily)
			live(t, e, d, 3*time.Hour, time.Hour)
			_ = e.SetFault("refresh-refused", 1)
			e.Configure(func(s *emulator.Settings) { s.Users[0].Password = "another" })
			time.Sleep(5 * 24 * time.Hour)
			for range 5 {
				stop()
				stop = run(t, e, d, "1", withKeys, daily)
				time.Sleep(24 * time.Hour)
			}
			r := d.record()
			if !r.Past.Parked || r.Past.Last.Reason != credential.ReasonRejected || !strings.Contains(r.Past.Last.Message, "password") {
				t.Errorf("%d: %+v %+v", status, r.Past, r.Past.Last)
			}
			innocent(t, e, 1)
			// The secret changes, to the right value.
			e.Configure(func(s *emulator.Settings) { s.Users[0].Password = testPassword })
			stop()
			stop = run(t, e, d, "2", withKeys, daily)
			defer func() { stop() }()
			time.Sleep(time.Minute)
			live(t, e, d, 24*time.Hour, time.Hour)
			innocent(t, e, 1)
		})
	}
}

// TestARegeneratedKeyIsNoOutage replaces the first key of the pair, then the second
// one, without telling the daemon.
func TestARegeneratedKeyIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set := settings()
		set.NextKeys, set.KeysChangeAt = []string{"new", testKey2}, time.Now().Add(50*time.Hour)
		e, d, stop := begin(t, set, daily)
		live(t, e, d, 5*24*time.Hour, time.Minute)
		c := e.Counts()
		if c.KeysRefused != 1 || c.Logins != 1 {
			t.Errorf("counts %+v", c)
		}
		// A restart remembers which key works.
		stop()
		stop = run(t, e, d, "1", withKeys, daily)
		live(t, e, d, 3*24*time.Hour, time.Minute)
		if c := e.Counts(); c.KeysRefused != 1 || c.Logins != 1 {
			t.Errorf("after a restart: counts %+v", c)
		}
		e.Configure(func(s *emulator.Settings) { s.NextKeys = []string{"new", "newer"} })
		time.Sleep(5 * 24 * time.Hour)
		r := d.record()
		if !r.Past.Parked || !strings.Contains(r.Past.Last.Message, "subscription_keys") || len(r.Token().Seed) == 0 {
			t.Errorf("without a key: %+v %+v", r.Past, r.Past.Last)
		}
		if c := e.Counts(); c.KeysRefused != 3 || c.Logins != 1 {
			t.Errorf("without a key: counts %+v", c)
		}
		stop()
		e.Configure(func(s *emulator.Settings) { s.NextKeys = []string{testKey1, "newer"} })
		stop = run(t, e, d, "2", withKeys, daily)
		defer func() { stop() }()
		time.Sleep(2 * time.Minute)
		live(t, e, d, 24*time.Hour, time.Hour)
		innocent(t, e, 0)
		if c := e.Counts(); c.Logins != 1 {
			t.Errorf("the password was used, though the refresh token was good: %+v", c)
		}
	})
}

// TestRefreshTokensThatLiveShort are not sent after their expiry.
func TestRefreshTokensThatLiveShort(t *testing.T) {
	for _, life := range []time.Duration{time.Hour, 17*time.Hour + 58*time.Minute, 20 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			set := settings()
			set.RefreshLifetime = life
			e, d, stop := begin(t, set, daily)
			defer stop()
			live(t, e, d, 6*24*time.Hour, time.Hour)
			if c := e.Counts(); c.Refreshes > 0 && life == time.Hour {
				t.Errorf("counts %+v", c)
			}
			innocent(t, e, 0)
		})
	}
}

// TestEveryReadingOfTheManual keeps a token in force under each reading of what the
// manual leaves open.
func TestEveryReadingOfTheManual(t *testing.T) {
	for name, change := range map[string]func(*emulator.Settings){
		"grace":                 func(s *emulator.Settings) { s.Rotation = emulator.RotateWithGrace },
		"no rotation":           func(s *emulator.Settings) { s.Rotation = emulator.NoRotation },
		"no new refresh token":  func(s *emulator.Settings) { s.KeepsRefreshToken = true },
		"camel case":            func(s *emulator.Settings) { s.CamelCase = true },
		"success is 200":        func(s *emulator.Settings) { s.Status = 200 },
		"success is 299":        func(s *emulator.Settings) { s.Status = 299 },
		"refresh gives default": func(s *emulator.Settings) { s.RefreshFallsBack, s.Opaque = true, true },
		"a ceiling, JWT":        func(s *emulator.Settings) { s.MostMinutes = 100 },
		"a ceiling, said":       func(s *emulator.Settings) { s.MostMinutes, s.Opaque = 100, true },
		"clock ahead":           func(s *emulator.Settings) { s.ClockOffset = 90 * time.Minute },
		"clock behind":          func(s *emulator.Settings) { s.ClockOffset = -90 * time.Minute },
		"clock ahead, zoneless": func(s *emulator.Settings) {
			s.ClockOffset, s.Opaque, s.Zone = 90*time.Minute, true, emulator.HidesOffset
		},
		"one login":              func(s *emulator.Settings) { s.OneLogin = true },
		"slow":                   func(s *emulator.Settings) { s.Latency = 20 * time.Second },
		"no prefix but one":      func(s *emulator.Settings) { s.Prefixes = []string{""} },
		"lenient about booleans": func(s *emulator.Settings) { s.SingleUseType = emulator.TakesBoth },
		"silent beyond budget":   func(s *emulator.Settings) { s.Silence = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				set := settings()
				change(&set)
				e, d := emulator.New(set, nil), newDisk()
				defer run(t, e, d, "1", withKeys, "token_minutes = 600")()
				time.Sleep(time.Minute)
				live(t, e, d, 4*24*time.Hour, 7*time.Minute)
				innocent(t, e, 0)
			})
		})
	}
}

// TestEveryFormOfDates runs with opaque tokens, so only the date and the requested
// lifetime tell when they expire.
func TestEveryFormOfDates(t *testing.T) {
	lives := map[string]int{"60": 1, "600": 4, "7200": 15}
	if !needs.Long() {
		lives = map[string]int{"600": 1}
	}
	for minutes, days := range lives {
		for _, form := range emulator.DateForms {
			for _, zone := range emulator.DateZones {
				synctest.Test(t, func(t *testing.T) {
					set := settings()
					set.Opaque, set.Dates, set.Zone = true, form, zone
					e, d, stop := begin(t, set, "token_minutes = "+minutes)
					defer stop()
					span := time.Duration(days) * 24 * time.Hour
					live(t, e, d, span, span/300)
					innocent(t, e, 0)
					life := d.record().Token().ExpiresAt.Sub(d.record().Token().IssuedAt)
					want, err := time.ParseDuration(minutes + "m")
					if form == "nonsense" {
						want = min(want, time.Hour) // an unreadable date is not assumed to be far away
					}
					if err != nil || (life-want).Abs() > time.Second {
						t.Errorf("%s %s %s: a life of %v was read", form, zone, minutes, life)
					}
				})
			}
		}
	}
}
