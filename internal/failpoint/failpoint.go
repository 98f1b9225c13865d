//go:build !failpoints

// Package failpoint names the points between two steps at which a test kills
// the process, to check that the next start loses nothing.
//
// In a normal build Hit is empty, no name ends up in the binary, and the
// environment is not read. Only a binary built with the tag failpoints can be
// killed at a failpoint.
package failpoint

// Hit marks a failpoint. The name says what has just been done.
func Hit(string) {}
