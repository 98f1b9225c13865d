// Package view turns the engine's state into what people and programs read: the
// order, the verdicts, the words, and the documents of the commands.
//
// It only reads and holds no secret. Whoever shows the state, the page, the
// control socket or a command, takes from here what is said, so that all of them
// say the same.
package view

import "time"

// Config says which configuration runs and why another one does not.
type Config struct {
	Hash      string
	LoadedAt  time.Time
	LastError string
	// Listener says why the listener is not served; empty when all is as wanted.
	Listener string
	// Cluster says what is wrong between this machine and the others that it
	// shares credentials with: an engine that is away, or machines that differ.
	Cluster string
	// Limits are the ends of the listener's own certificates.
	Limits []Limit
	// Warnings name what is missing on disk while the value that was read
	// before is still used.
	Warnings []Warning
	Fleets   []Fleet
}

// Warning is something missing that a running credential does not need yet.
type Warning struct {
	Credential string `json:"credential"`
	Path       string `json:"path"`
	Message    string `json:"message"`
}

// Fleet says how the rows of one table are.
type Fleet struct {
	Name    string   `json:"name"`
	Good    int      `json:"good"`
	Bad     int      `json:"bad"`
	BadRows []string `json:"bad_rows"`
}
