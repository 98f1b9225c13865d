package schedule

import (
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// instant0 is when the tests' time begins: a Monday, at no round time.
var instant0 = time.Date(2026, 3, 2, 10, 7, 13, 0, time.UTC)

// policy0 is the contract's default without jitter.
var policy0 = Policy{
	RenewBefore: Margin{Share: 0.25}, MaxAge: 24 * time.Hour,
	MinInterval: 30 * time.Second, Timeout: 30 * time.Second,
}

// after returns the instant d after the tests' time began.
func after(d time.Duration) time.Time { return instant0.Add(d) }

// at parses an instant.
func at(t testing.TB, text string) time.Time {
	t.Helper()
	i, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// obtaining returns the task of a credential of provider "p".
func obtaining(name string, edits ...func(*Task)) *Task {
	pace := policy0
	t := &Task{Key: Key{Obtaining, name}, Group: "p", Policy: &pace, Identity: "id-" + name, Inputs: "in-1"}
	for _, edit := range edits {
		edit(t)
	}
	return t
}

func needs(names ...string) func(*Task)     { return func(t *Task) { t.Needs = names } }
func in(group string) func(*Task)           { return func(t *Task) { t.Group = group } }
func inputs(digest string) func(*Task)      { return func(t *Task) { t.Inputs = digest } }
func identity(id string) func(*Task)        { return func(t *Task) { t.Identity = id } }
func pace(edit func(p *Policy)) func(*Task) { return func(t *Task) { edit(t.Policy) } }
func delivering(name string, needs ...string) *Task {
	return &Task{Key: Key{Delivering, name}, Group: SinkGroup, Needs: needs, Target: "t-1"}
}
func hooking(name string) *Task { return &Task{Key: Key{Hooking, name}, Group: HookGroup} }

// token returns an answer with the given text and expiry; zero for no stated expiry.
func token(text string, expires time.Time) credential.Credential {
	return credential.Credential{
		Values:    map[string]credential.Secret{"token": credential.NewSecret(text)},
		ExpiresAt: expires,
	}
}

// answered returns the result of an attempt that was answered immediately.
func answered(at time.Time, c credential.Credential) Result {
	return Result{At: at, End: at, Called: true, Token: c}
}

// refused returns the result of a call that failed immediately.
func refused(at time.Time, reason credential.Reason, edits ...func(*credential.Fault)) Result {
	f := &credential.Fault{Reason: reason, Message: "refused for the test"}
	for _, edit := range edits {
		edit(f)
	}
	return Result{At: at, End: at, Called: true, Fault: f}
}

func retryAfter(at time.Time) func(*credential.Fault) {
	return func(f *credential.Fault) { f.RetryAfter = at }
}

// held returns the record of a credential obtained at instant0 that expires after
// life; zero for a token without expiry.
func held(task *Task, life time.Duration) Record {
	var expires time.Time
	if life != 0 {
		expires = after(life)
	}
	return Advance(task, Record{}, answered(instant0, token("first", expires)), 0)
}
