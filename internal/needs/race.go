//go:build race

package needs

// Race reports whether the race detector is on, which makes tests ten times
// slower.
const Race = true
