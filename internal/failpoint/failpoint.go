//go:build !failpoints

// Package failpoint names the places between two steps at which a test ends
// the process, to see that the next start loses nothing.
//
// In a normal build there is nothing behind a name: Hit is empty, no name gets
// into the binary, and nothing in the environment is read. Only a binary that
// is built with the tag failpoints can be killed at a point.
package failpoint

// Hit marks a place. The name says what has just been done.
func Hit(string) {}
