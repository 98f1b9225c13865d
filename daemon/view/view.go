// Package view turns the state of the engine into what people and programs read: the
// order, the headline, the words, and the documents of the commands.
//
// It only reads and holds no secret. The page, the control socket and the commands all
// take their texts from here, so that they say the same.
package view

import "time"

// Config describes the running configuration, and why a newer one is not used.
type Config struct {
	Hash      string
	LoadedAt  time.Time
	LastError string
	// Listener says why the listener is not running. It is empty if all is well.
	Listener string
	// Cluster says what is wrong between this machine and the others of its cluster:
	// etcd cannot be reached, or machines differ.
	Cluster string
	// Limits are the expiries of the listener's own certificates.
	Limits []Limit
	// Warnings list what is missing on disk while the value read before is still used.
	Warnings []Warning
	Fleets   []Fleet
}

// Warning is something missing that a running credential does not need yet.
type Warning struct {
	Credential string `json:"credential"`
	Path       string `json:"path"`
	Message    string `json:"message"`
}

// Fleet is the state of one table of rows.
type Fleet struct {
	Name    string   `json:"name"`
	Good    int      `json:"good"`
	Bad     int      `json:"bad"`
	BadRows []string `json:"bad_rows"`
	// Problem says why the table cannot be used, so that the fleet is empty.
	Problem string `json:"problem,omitempty"`
}
