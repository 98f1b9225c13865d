package sinktest

import (
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
)

// Open opens the sink sinks.it with these keys. A fault ends the test.
func Open(t testing.TB, kind sinks.Kind, keys string) sinks.Binding {
	t.Helper()
	b, faults := open(t, kind, keys)
	for _, f := range faults {
		t.Fatalf("%v in\n%s", f, keys)
	}
	return b
}

// Faults returns the faults of the sink sinks.it with these keys.
func Faults(t testing.TB, kind sinks.Kind, keys string) []section.Fault {
	t.Helper()
	_, faults := open(t, kind, keys)
	return faults
}

func open(t testing.TB, kind sinks.Kind, keys string) (sinks.Binding, []section.Fault) {
	t.Helper()
	s, err := section.Parse("sinks.it", keys)
	if err != nil {
		t.Fatalf("%v in\n%s", err, keys)
	}
	b := kind.Open(s, sinks.Env{})
	return b, s.Finish()
}

// Token returns a credential with one value, token.
func Token(name, value string) credential.Set {
	return credential.Set{name: {Generation: 1, Values: map[string]credential.Secret{"token": credential.NewSecret(value)}}}
}
