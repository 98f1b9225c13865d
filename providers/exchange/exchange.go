// Package exchange makes one bounded HTTP call to a backend and classifies its
// failures. It also parses lifetimes and dates in answers, and URLs in the
// configuration.
//
// It makes no decisions about a backend: each kind interprets its own answers.
// Messages never quote a body, a header, a query string or other text from the
// peer. The package keeps no state between calls.
package exchange
