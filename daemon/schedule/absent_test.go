package schedule

import (
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

// TestAbsentInputsPark: while a secret is missing there is no attempt, not even if
// requested. The current values stay, and the same secret costs no call when it
// returns.
func TestAbsentInputsPark(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	key := Key{Kind: Obtaining, Name: "c"}
	policy := Policy{RenewBefore: Margin{Share: 0.25}, MaxAge: time.Hour, MinInterval: time.Second, Timeout: time.Second}
	b := New(1)
	b.LearnAll(Memory{Records: map[Key]Record{key: {Part: Token{
		Identity: "i", Inputs: "x", ObtainedAt: now.Add(-time.Minute),
		Credential: credential.Credential{Generation: 3, Values: map[string]credential.Secret{"t": credential.NewSecret("v")}, IssuedAt: now.Add(-time.Minute), ExpiresAt: now.Add(time.Hour)},
	}}}})
	group := Group{Name: "p", Concurrency: 1}
	b.Apply(now, Change{Groups: []Group{group}, Tasks: []*Task{{Key: key, Group: "p", Policy: &policy, Extra: &Extra{Absent: "the file is gone"}}}})
	s, _ := b.Look(now, key)
	if !s.At.IsZero() || s.Record.Token().Generation != 3 || s.Record.Token().Identity != "i" {
		t.Errorf("got %+v, want nothing planned and the token kept", s)
	}
	b.Kick(now, key)
	if s, _ := b.Look(now, key); !s.At.IsZero() {
		t.Errorf("planned for %v though asked for in vain", s.At)
	}
	b.Apply(now, Change{Tasks: []*Task{{Key: key, Group: "p", Policy: &policy, Identity: "i", Inputs: "x"}}})
	if s, _ := b.Look(now, key); !s.At.After(now) {
		t.Errorf("with the same secret it is due at %v, %s", s.At, s.Why.Text)
	}
	b.Apply(now, Change{Tasks: []*Task{{Key: key, Group: "p", Policy: &policy, Identity: "i", Inputs: "y"}}})
	if s, _ := b.Look(now, key); s.At.After(now) {
		t.Errorf("with another secret it is due at %v, %s", s.At, s.Why.Text)
	}
}
