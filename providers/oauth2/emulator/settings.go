package emulator

import (
	"crypto"
	"time"
)

// Settings configure the server. The zero value with one client is a strict
// server that rotates its refresh tokens.
type Settings struct {
	Clients []Client
	Users   []User

	// Lifetime of an access token; 0 means an hour. RefreshLifetime is that of a
	// refresh token; 0 means that it does not expire, and answers state none.
	Lifetime, RefreshLifetime time.Duration
	// Rotation is what a refresh does to the refresh token.
	Rotation Rotation
	// Grace lets a spent refresh token work once more for that long, with the same
	// successor.
	Grace time.Duration

	// Send is where parameters are accepted: "" or "form", "json", "query",
	// "headers". Elsewhere they are ignored.
	Send string
	// GrantInQuery accepts grant_type only in the query, whatever Send says.
	GrantInQuery bool
	// Names are the server's names for parameters and members, by their standard
	// names.
	Names map[string]string
	// Headers must come with every token request.
	Headers map[string]string
	// Scopes, unless empty, are those that can be granted.
	Scopes []string
	// WithoutScope leaves the scope out of answers.
	WithoutScope bool

	// AutoApprove logs a person in without asking, on the page and for devices.
	AutoApprove bool
	// Interval is the polling interval of devices; 0 means 5 s.
	Interval time.Duration

	Latency, ClockOffset time.Duration
}

// Rotation is a rule for refresh tokens.
type Rotation string

// The rules. The zero value gives a new one each time.
const (
	Rotate Rotation = ""
	Keep   Rotation = "keep"  // the old one stays, and the answer has none
	Again  Rotation = "again" // the answer has the old one
)

// Client is one client, with the one way in which it authenticates.
type Client struct {
	ID, Secret string
	// Auth is "basic", "body", "none", "private_key_jwt" or "client_secret_jwt";
	// empty accepts basic and body.
	Auth string
	// RawBasic does not decode id and secret of the Basic header; otherwise they
	// are form-decoded, as in RFC 6749.
	RawBasic bool
	// Key verifies assertions, both the client's and those that are the grant.
	Key crypto.PublicKey
	// Audience is the required audience of an assertion; empty accepts the URL of
	// the token endpoint.
	Audience string
	// Certificate, unless empty, is the SHA-256 (hex) of the client's certificate,
	// or "any" for any certificate.
	Certificate string
	// Grants, unless empty, are those that the client may use.
	Grants []string
	// Redirects, unless empty, are the registered addresses; a loopback address
	// matches with any port (RFC 8252).
	Redirects []string
}

// User is a person who can log in by name and password.
type User struct{ Name, Password string }

func (s Settings) name(standard string) string {
	if own := s.Names[standard]; own != "" {
		return own
	}
	return standard
}

func (s Settings) lifetime() time.Duration {
	if s.Lifetime == 0 {
		return time.Hour
	}
	return s.Lifetime
}

func (s Settings) interval() time.Duration {
	if s.Interval == 0 {
		return 5 * time.Second
	}
	return s.Interval
}

func (s Settings) client(id string) (Client, bool) {
	for _, c := range s.Clients {
		if c.ID == id {
			return c, true
		}
	}
	return Client{}, false
}
