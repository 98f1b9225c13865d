package cluster

import (
	"slices"
	"strings"

	"github.com/vigented/vigente/daemon/schedule"
)

// A secret that a backend refused is parked on every machine that has the same
// bytes. The machines tell by digests under the cluster's key: one with another
// secret tries its own one once.

// foreignInputs stands for secrets of another machine, where this one has others.
const foreignInputs = "those of another machine"

// refusedLimit is how many digests a record carries at most, the latest ones.
const refusedLimit = 8

// rejected reports whether a credential is parked since the backend refused what
// this machine shows.
func rejected(r schedule.Record, spec Spec) bool {
	return r.Past.Parked && !parkedAmbiguous(r) && spec.Digest != "" && r.Token().Inputs == spec.Inputs
}

// refusals returns the digests that are to stand in the shared record.
func (s *share) refusals(spec Spec, next Shared) string {
	list := strings.Fields(next.Refused)
	switch {
	case versionOf(s.held) != next.Version:
		return next.Refused // What is held is not what is shared yet.
	case rejected(s.held, spec):
		if slices.Contains(list, spec.Digest) {
			return next.Refused
		}
		list = append(list, spec.Digest)
		return strings.Join(list[max(0, len(list)-refusedLimit):], " ")
	case s.held.Past.Last == nil && !s.held.Past.Open:
		return "" // A success.
	}
	return next.Refused
}

// inputsOf returns the token of a record that is taken over, as if it had been
// obtained with what this machine has; not so where another secret was refused.
func inputsOf(r schedule.Record, spec Spec, refused string) schedule.Token {
	token := r.Token()
	list := strings.Fields(refused)
	switch {
	case r.Past.Parked && !parkedAmbiguous(r) && len(list) > 0 && !slices.Contains(list, spec.Digest):
		token.Inputs = foreignInputs
	case token.Identity == "" && token.Generation == 0:
		token.Inputs = ""
	default:
		token.Inputs = spec.Inputs
	}
	return token
}
