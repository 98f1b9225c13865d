package e2etest

import (
	"maps"
	"slices"
)

// Uncovered returns the places, such as a failpoint in one part of a test, that were
// reached by none of their hits. Single hits may be missed: how many commits share a
// sync varies.
func Uncovered[H comparable](hits, missed []H, place func(H) string) []string {
	never := map[string]bool{}
	for _, h := range hits {
		never[place(h)] = true
	}
	for _, h := range hits {
		if !slices.Contains(missed, h) {
			delete(never, place(h))
		}
	}
	return slices.Sorted(maps.Keys(never))
}
