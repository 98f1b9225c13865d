// Package providers is the contract of a kind of provider: how a kind is opened,
// what it is lent, and what it returns.
package providers

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/process"
	"github.com/vigented/vigente/internal/section"
)

// Kind is one kind of provider, one line of the catalogue.
type Kind struct {
	// Name is the value of the type key.
	Name string
	// Open reads the provider's section. It reports what is wrong through the
	// section and must not do any I/O but what the section does for it. When it
	// reported something it may return nil; a Backend that it returns all the
	// same is only used to check the sections of its credentials, so that their
	// faults are told in the same breath.
	Open func(s *section.Section, env Env) Backend
	// Rate is the budget honoured when the configuration sets none, in the
	// form of the rate key; empty for no limit.
	Rate string
	// Setups returns what vigente init offers of the kind; nil for nothing.
	Setups func() []Setup
}

// Backend is one opened provider section.
type Backend interface {
	// Bind reads the section of one credential of this provider, in the same
	// way as Kind.Open. With faults the Binding tells of Fields and Needs what is
	// known, so that what refers to them is checked in the same run.
	Bind(s *section.Section) Binding
}

// Binding is one credential, ready to be obtained.
type Binding struct {
	Source credential.Provider
	// Identity names the thing at the backend, such that two credentials of one
	// configuration must not share it. Empty when two would do no harm.
	Identity string
	// Fields are the kind's own fields, the one to show by default first.
	Fields []string
	// Client is a digest of the address, the id and the secret of a login, as
	// exchange.Identity makes it. Once it was refused (Fault.ClientRefused) no
	// further call begins with it. Empty where each credential stands for itself.
	Client string
	// Limits are the ends of what the configuration makes it rest on, such as a
	// certificate; those that an answer tells are the credential's.
	Limits []credential.Limit
	// Needs names the credentials it is made from.
	Needs []string
	// Refs are the references to fields of them, to check that these exist.
	Refs []credential.RefAt
	// NeedsFields, unless empty, says that each of them must be of the same
	// provider and have these fields.
	NeedsFields []string
}

// Env is what the daemon lends to a kind.
type Env struct {
	// Transport returns the transport for one TLS identity. It follows no
	// redirect rule of its own, keeps connections unless told otherwise, and
	// is safe for concurrent use.
	Transport func(TransportOptions) http.RoundTripper
	// Location is the zone for dates without one.
	Location *time.Location
	// Processes runs programs. Nil works, with the limits that the daemon has
	// itself.
	Processes *process.Runner
	// Warn tells the operator once, at every start, about a setting that is
	// allowed but dangerous.
	Warn func(message string)
}

// TransportOptions tell transports apart.
type TransportOptions struct {
	TLS *tls.Config // nil for the system's defaults
	// OneShot switches connection reuse off: for calls that must never be sent
	// twice, since net/http silently repeats a bodyless request whose reused
	// connection died.
	OneShot bool
	// Proxy returns the proxy of a request, nil for none; the environment's
	// HTTP_PROXY, HTTPS_PROXY and NO_PROXY decide where it is not set.
	Proxy func(*http.Request) (*url.URL, error)
}

// ProxyError is a proxy's refusal to connect to the backend, as a transport
// returns it.
type ProxyError struct{ Status int }

func (e *ProxyError) Error() string {
	return "the proxy refuses to connect: " + strconv.Itoa(e.Status)
}
