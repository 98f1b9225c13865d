package view

import (
	"regexp"
	"strings"
)

// Place is the location of a value that must be changed after a failure.
type Place struct{ Key, Where string }

// place matches a location in a message; see engine.located.
var place = regexp.MustCompile(`^([a-z_0-9-]+(?:\.[A-Za-z_0-9-]+)+) is in (.+)$`)

// Places removes the locations from a message and returns them, so that they can be
// shown separately.
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
