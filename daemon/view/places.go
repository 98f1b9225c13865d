package view

import (
	"regexp"
	"strings"
)

// Place is where a value stands that a failure asks to change.
type Place struct{ Key, Where string }

// place is how a message names one, see engine.located.
var place = regexp.MustCompile(`^([a-z_0-9-]+(?:\.[A-Za-z_0-9-]+)+) is in (.+)$`)

// Places takes the places that a message names out of it, so that they can be
// shown on their own.
func Places(message string) (rest string, places []Place) {
	var kept []string
	for part := range strings.SplitSeq(message, "; ") {
		if m := place.FindStringSubmatch(part); m != nil {
			places = append(places, Place{m[1], m[2]})
			continue
		}
		kept = append(kept, part)
	}
	return strings.Join(kept, "; "), places
}
