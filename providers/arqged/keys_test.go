package arqged

import (
	"strings"
	"testing"

	"github.com/vigented/vigente/credential"
)

const keyComplaint = `{"statusCode":401,"message":"Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription."}`

func TestKeysTakeTurns(t *testing.T) {
	refusing := func() *scribe { return &scribe{status: 401, body: keyComplaint} }
	s := refusing()
	o := sound(t, s, withKeys, "")
	want := []struct {
		key    string
		reason credential.Reason
	}{
		{testKey1, credential.ReasonServer},
		{testKey2, credential.ReasonRejected},
		// Later, on request: both are tried again.
		{testKey1, credential.ReasonServer},
		{testKey2, credential.ReasonRejected},
	}
	for i, w := range want {
		_, f := refreshed(t, o, credential.Request{})
		if s.sent.Get("SubscriptionKey") != w.key || f.Reason != w.reason || !strings.Contains(f.Message, "subscription_keys") || strings.Contains(f.Message, w.key) {
			t.Errorf("attempt %d: key %q, %v %s", i+1, s.sent.Get("SubscriptionKey"), f.Reason, f.Message)
		}
		if s.calls != i+1 {
			t.Errorf("attempt %d: %d calls", i+1, s.calls)
		}
	}
	// A key that works in between resets the count.
	s.status, s.body = 201, goodAnswer
	if c, f := refreshed(t, o, credential.Request{}); f != nil || c.Seed[seedKey].Reveal() != "1" {
		t.Fatal(f)
	}
	for _, key := range []string{testKey1, testKey2} {
		s.status, s.body = 401, keyComplaint
		_, f := refreshed(t, o, credential.Request{})
		if f.Reason != credential.ReasonServer || s.sent.Get("SubscriptionKey") != key {
			t.Errorf("key %s: %v", key, f)
		}
		s.status, s.body = 201, goodAnswer
		if _, f := refreshed(t, o, credential.Request{}); f != nil {
			t.Fatal(f)
		}
	}
}

func TestTheKeyThatWorkedIsRemembered(t *testing.T) {
	for seed, want := range map[string]string{"1": testKey1, "2": testKey2, "3": testKey1, "0": testKey1, "": testKey1, "x": testKey1} {
		s := good()
		o := sound(t, s, withKeys, "")
		before := previous("r1")
		before.Seed[seedKey] = credential.NewSecret(seed)
		c, f := refreshed(t, o, credential.Request{Previous: before})
		if f != nil || s.sent.Get("SubscriptionKey") != want {
			t.Errorf("number %q: key %s %v", seed, s.sent.Get("SubscriptionKey"), f)
		}
		number := map[string]string{testKey1: "1", testKey2: "2"}[want]
		if c.Seed[seedKey].Reveal() != number {
			t.Errorf("key number %q: got %q, want %q", seed, c.Seed[seedKey].Reveal(), number)
		}
		// It is used once: what is learned later is newer.
		before.Seed[seedKey] = credential.NewSecret("2")
		if seed == "1" {
			if _, f := refreshed(t, o, credential.Request{Previous: before}); f != nil || s.sent.Get("SubscriptionKey") != testKey1 {
				t.Errorf("an old number beats the key that works")
			}
		}
	}
}

func TestOneKeyAndNone(t *testing.T) {
	one := leastProvider + `subscription_keys = [{ file = "{dir}/key2" }]`
	s := &scribe{status: 401, body: keyComplaint}
	_, f := refreshed(t, sound(t, s, one, ""), credential.Request{Previous: previous("r1")})
	if f.Reason != credential.ReasonRejected || f.SeedSpent || s.sent.Get("SubscriptionKey") != testKey2 || !strings.Contains(f.Message, "the key in subscription_keys") {
		t.Errorf("one key: %+v", f)
	}
	_, f = refreshed(t, sound(t, s, leastProvider, ""), credential.Request{Previous: previous("r1")})
	if f.Reason != credential.ReasonRejected || f.SeedSpent || !strings.Contains(f.Message, "set subscription_keys") {
		t.Errorf("no key: %+v", f)
	}
	c, f := refreshed(t, sound(t, good(), one, ""), credential.Request{})
	if _, ok := c.Seed[seedKey]; f != nil || ok {
		t.Errorf("one key needs no number: %v", f)
	}
}
