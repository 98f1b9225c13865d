package cluster

import (
	"slices"
	"strings"

	"github.com/vigented/vigente/daemon/schedule"
)

// A secret that a backend refused is parked on every machine with the same bytes. The
// machines compare digests under the cluster's key; one with another secret tries its
// own once.

// foreignInputs replaces the secrets of another machine, if this one has others.
const foreignInputs = "those of another machine"

// refusedLimit is how many digests a record carries at most.
const refusedLimit = 8

// rejected reports whether a credential is parked because the backend refused this
// machine's secret.
func rejected(r schedule.Record, spec Spec) bool {
	return r.Past.Parked && !parkedAmbiguous(r) && spec.Digest != "" && r.Token().Inputs == spec.Inputs
}

// refusals returns the digests to write into the shared record.
func (s *share) refusals(spec Spec, next Shared) string {
	list := strings.Fields(next.Refused)
	switch {
	case versionOf(s.held) != next.Version:
		return next.Refused // the shared value is not the one held
	case rejected(s.held, spec):
		if slices.Contains(list, spec.Digest) || len(list) >= refusedLimit {
			return next.Refused
		}
		return strings.Join(append(list, spec.Digest), " ")
	case s.held.Past.Last == nil && !s.held.Past.Open && next.newer(s.seen.Version):
		// A success ends them with the write of its value, and only then: a machine with
		// another secret that holds the same value would write against those it parks.
		return ""
	}
	return next.Refused
}

// inputsOf returns the token of an adopted record as if it had been obtained with this
// machine's inputs, unless another secret was refused.
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
