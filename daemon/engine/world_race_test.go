//go:build race

package engine

// raceDetector says that the race detector watches, which is ten times slower.
const raceDetector = true
