// Package exchange makes one bounded HTTP call to a backend and tells its
// failures apart. It also reads what backends write about lives and dates, and
// the addresses that a configuration states.
//
// It decides nothing about a backend: what an answer means is each kind's own.
// It never repeats a body, a header, a query or the text of a peer in a
// message. It keeps no state between calls.
package exchange
