package schedule

import (
	"slices"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// seeded is a token with a seed.
func seeded(value, seed string, expires time.Time) Result {
	c := token(value, expires)
	c.Seed = map[string]credential.Secret{"refresh": credential.NewSecret(seed)}
	return Result{Called: true, Token: c}
}

func TestATypoThatIsUndoneCostsNoCall(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), delivering("s", "a"))
	r.expect("a")
	r.end("a", seeded("first", "seed-1", after(4*time.Hour)))
	r.expect("sink:s")
	r.deliver("sink:s", true)
	r.pass(time.Minute)
	r.install(p8, obtaining("a", identity("typo")), delivering("s", "a"), delivering("new", "a"))
	r.expect("a") // and the sink that never held it gets nothing
	rec := r.look("a").Record
	if c := rec.Previous(); HasValue(c) || len(c.Seed) > 0 || len(rec.Token().Seed) > 0 {
		t.Error("the new backend would be shown something of the old one")
	}
	r.fails("a", credential.ReasonRejected)
	r.install(p8, obtaining("a"), delivering("s", "a"), delivering("new", "a"))
	r.expect("sink:new")
	rec = r.look("a").Record
	if rec.Token().Borrowed() || rec.Past.Parked || rec.Past.Failures > 0 {
		t.Errorf("back: borrowed %v, parked %v, failures %d", rec.Token().Borrowed(), rec.Past.Parked, rec.Past.Failures)
	}
	if rec.Token().Generation != 1 || rec.Token().Seed["refresh"].Reveal() != "seed-1" {
		t.Errorf("back with generation %d, seed %v", rec.Token().Generation, rec.Token().Seed["refresh"].Reveal())
	}
	r.nextAt("a", 3*time.Hour, whyRenewBefore)
}

func TestAnIdentityReturnsBehindAnother(t *testing.T) {
	r := newRig(t, p8, obtaining("a"))
	r.expect("a")
	r.end("a", seeded("first", "seed-1", after(4*time.Hour)))
	r.pass(time.Minute)
	r.install(p8, obtaining("a", identity("other")))
	r.expect("a")
	r.end("a", seeded("second", "seed-2", after(4*time.Hour)))
	r.pass(time.Minute)
	r.install(p8, obtaining("a"))
	r.expect("")
	rec := r.look("a").Record
	if rec.Token().Values["token"].Reveal() != "first" || rec.Token().Generation != 3 || rec.Token().Revision != 3 {
		t.Errorf("back: %q, generation %d, revision %d, want first, 3, 3", rec.Token().Values["token"].Reveal(), rec.Token().Generation, rec.Token().Revision)
	}
}

func TestFormerIdentitiesAreKeptAWeekAndThreeOfThem(t *testing.T) {
	r := newRig(t, p8, obtaining("a", identity("0")))
	r.expect("a")
	r.end("a", seeded("value-0", "seed", after(300*day)))
	for _, id := range []string{"1", "2", "3", "4"} {
		r.pass(time.Minute)
		r.install(p8, obtaining("a", identity(id)))
		r.expect("a")
		r.end("a", seeded("value-"+id, "seed", after(300*day)))
	}
	var kept []string
	for _, f := range r.look("a").Record.Token().Former {
		kept = append(kept, f.Token().Identity)
	}
	if want := []string{"3", "2", "1"}; !slices.Equal(kept, want) {
		t.Errorf("kept %q, want %q", kept, want)
	}
	r.pass(8 * day)
	r.install(p8, obtaining("a", identity("3")))
	if rec := r.look("a").Record; !rec.Token().Borrowed() {
		t.Error("an identity of eight days ago is back without a call")
	}
}

func TestAnAnswerOfTheOldIdentityIsKeptForIt(t *testing.T) {
	r := newRig(t, p8, obtaining("a"))
	r.expect("a")
	r.end("a", seeded("first", "seed-1", after(time.Hour)))
	r.pass(45 * time.Minute)
	r.expect("a")
	r.install(p8, obtaining("a", identity("typo")))
	r.end("a", seeded("second", "seed-2", after(2*time.Hour)))
	r.install(p8, obtaining("a"))
	if got := r.look("a").Record.Token().Seed["refresh"].Reveal(); got != "seed-2" {
		t.Errorf("back with %q: the seed before it is spent", got)
	}
}

func TestARemovedCredentialIsKeptForAnHour(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("b"))
	r.expect("a b")
	r.obtain("a", 4*time.Hour)
	r.obtain("b", 4*time.Hour)
	r.install(p8, obtaining("b"))
	r.pass(59 * time.Minute)
	if over, next := r.Expire(r.now); len(over) > 0 || !next.Equal(after(time.Hour)) {
		t.Errorf("over %v, next %s", over, next)
	}
	r.install(p8, obtaining("a"), obtaining("b"))
	r.nextAt("a", 3*time.Hour, whyRenewBefore)
	r.expect("")
	r.install(p8, obtaining("b"))
	r.pass(time.Hour)
	if over, next := r.Expire(r.now); !slices.Equal(over, []Key{{Obtaining, "a"}}) || !next.IsZero() {
		t.Errorf("over %v, next %s", over, next)
	}
	r.install(p8, obtaining("a"), obtaining("b"))
	r.expect("a")
}

func TestPause(t *testing.T) {
	r := newRig(t, p8, obtaining("a"), obtaining("b"))
	r.expect("a b")
	r.obtain("a", time.Hour)
	if r.Pause(r.now, "nobody", Endless) {
		t.Error("paused what is not there")
	}
	r.Pause(r.now, "a", after(2*time.Hour))
	r.Pause(r.now, "b", Endless) // it is under way
	r.obtain("b", time.Hour)
	if p := r.look("b").Record.Past; !p.PausedAt(r.now).Equal(Endless) {
		t.Error("the end of the attempt took the pause away")
	}
	r.nextAt("a", 2*time.Hour, whyPaused)
	r.pass(90 * time.Minute)
	r.expect("")
	r.Pause(r.now, "b", time.Time{})
	r.expect("b")
	r.pass(30 * time.Minute)
	r.expect("a")
}
