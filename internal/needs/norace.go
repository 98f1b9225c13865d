//go:build !race

package needs

// Race says whether the race detector is on, which makes a test ten times slower.
const Race = false
