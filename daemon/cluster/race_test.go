//go:build race

package cluster

// raceDetector says whether the race detector watches, which is ten times slower.
const raceDetector = true
