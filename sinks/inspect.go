package sinks

import (
	"context"

	"github.com/vigented/vigente/credential"
)

// State says what a sink's file contains instead of the expected values.
type State uint8

// The states. With several values, the worst one counts: Other, then Missing,
// then Empty.
const (
	// Same: exactly the expected values, everywhere.
	Same State = iota
	// Empty: at least one value is empty, and the others are as expected.
	Empty
	// Missing: the file, or one of the values in it, does not exist.
	Missing
	// Other: at least one value is a different one.
	Other
)

// String returns the name of the state.
func (s State) String() string { return [...]string{"same", "empty", "missing", "other"}[s] }

// Finding is the result of an inspection.
type Finding struct {
	State State
	// Found contains, in the state Other, the values found in place of the
	// expected ones, by the name under which Values returns the expected value.
	// A found value may equal the expected one if readers could interpret the
	// line differently, for example because of trailing blanks. It is then not a
	// foreign value, but the file must be rewritten.
	Found map[string][]credential.Secret
	// Mark identifies the version of the file that was inspected. It is zero if
	// a later inspection may find different content under the same mark.
	Mark uint64
}

// Inspector is a sink that can report what its file currently contains, so that
// changes by other programs are noticed. It changes nothing, and reports what
// it cannot read as a *credential.Fault.
type Inspector interface {
	// Inspect compares the file with what Deliver would write for the set.
	Inspect(ctx context.Context, set credential.Set) (Finding, error)
	// Values returns the values the sink writes for the set, by name, so that
	// older values can be recognized.
	Values(set credential.Set) (map[string]credential.Secret, error)
}

// Glancer is an Inspector that can tell cheaply that a plain file holds exactly the
// expected values, as almost every file does when the daemon starts.
type Glancer interface {
	// Glance reports whether Inspect would find the state Same, and returns the mark
	// it would give. It may report false for any file that is not a plain one, and
	// works on the device that the path itself names or on none.
	Glance(set credential.Set) (mark uint64, same bool)
}

// Forecaster is a sink that can predict what Deliver would do. It changes
// nothing, and reports what would prevent a delivery as a *credential.Fault.
type Forecaster interface {
	WouldChange(ctx context.Context, set credential.Set) (bool, error)
}

// Volatile is a sink whose target does not outlive this process, so after a
// start it contains nothing.
type Volatile interface{ Volatile() bool }

// Seen is one value found by an inspection.
type Seen struct {
	Name  string
	Value credential.Secret
	// Spoiled means that a reader may interpret the value differently.
	Spoiled bool
}

// Judge compares the values found with the expected ones.
func Judge(want map[string]credential.Secret, seen []Seen) Finding {
	f := Finding{}
	met := map[string]bool{}
	for _, s := range seen {
		w, ok := want[s.Name]
		if !ok {
			continue
		}
		met[s.Name] = true
		switch {
		case s.Value.IsZero():
			f.State = max(f.State, Empty)
		case s.Spoiled || !s.Value.Equal(w):
			f.State = Other
			if f.Found == nil {
				f.Found = map[string][]credential.Secret{}
			}
			f.Found[s.Name] = append(f.Found[s.Name], s.Value)
		}
	}
	if len(met) < len(want) {
		f.State = max(f.State, Missing)
	}
	return f
}

// ByName maps the names of texts to their values.
func ByName(texts []Text, values []credential.Secret) map[string]credential.Secret {
	m := make(map[string]credential.Secret, len(texts))
	for i, t := range texts {
		m[t.Name] = values[i]
	}
	return m
}
