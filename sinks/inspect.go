package sinks

import (
	"context"

	"github.com/vigented/vigente/credential"
)

// State is what a sink's file holds in place of what it should.
type State uint8

// The states. When several values are managed, a foreign one outweighs one
// that is missing, and that one an empty one.
const (
	// Same: exactly the values of the set, everywhere.
	Same State = iota
	// Empty: at least one value is empty, and the others are right.
	Empty
	// Missing: the file, or one of the values in it, is gone.
	Missing
	// Other: at least one value is another one.
	Other
)

// String returns the state's name.
func (s State) String() string { return [...]string{"same", "empty", "missing", "other"}[s] }

// Finding is what an inspection saw.
type Finding struct {
	State State
	// Found are, in the state Other, the values that stand where others should,
	// by the name under which Values gives the right ones. A name that the
	// reader would take in different ways, such as one with blanks behind its
	// value, may have the right value here: it is no foreign one, but the file
	// has to be written again.
	Found map[string][]credential.Secret
	// Mark stands for the version of the file that was looked at; zero where a
	// later look may meet another content under the same one.
	Mark uint64
}

// Inspector is a sink that can say what its file holds now, so that a change
// by somebody else is seen. It changes nothing and reports what it cannot read
// as a *credential.Fault.
type Inspector interface {
	// Inspect compares the file with what Deliver would write for the set.
	Inspect(ctx context.Context, set credential.Set) (Finding, error)
	// Values returns what the sink shows for the set, by name, so that older
	// values can be known again.
	Values(set credential.Set) (map[string]credential.Secret, error)
}

// Forecaster is a sink that can tell what Deliver would do. It changes nothing
// and reports what would stop Deliver as a *credential.Fault.
type Forecaster interface {
	WouldChange(ctx context.Context, set credential.Set) (bool, error)
}

// Volatile is a sink whose place ends with this process, so that at a start it
// holds nothing whatever was delivered before.
type Volatile interface{ Volatile() bool }

// Seen is one value that an inspection came across.
type Seen struct {
	Name  string
	Value credential.Secret
	// Spoiled says that a reader may take something else for the value.
	Spoiled bool
}

// Judge compares what was seen with what is wanted.
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

// ByName pairs the names of texts with their values.
func ByName(texts []Text, values []credential.Secret) map[string]credential.Secret {
	m := make(map[string]credential.Secret, len(texts))
	for i, t := range texts {
		m[t.Name] = values[i]
	}
	return m
}
