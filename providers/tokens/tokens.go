// Package tokens makes one request to the token endpoint of an OAuth 2.0
// server, with client authentication, and parses the answer.
//
// It knows no vendor: the fields of an Endpoint say where parameters go, what
// they are called and how the client authenticates. The package sends nothing
// itself, repeats nothing and decides nothing about retries; each kind
// interprets answers that are not a success. The only server text it returns is
// the token, its type, its scope and standard error codes.
package tokens

import (
	"net/url"
	"time"

	"github.com/vigented/vigente/credential"
)

// Parameters and members that every kind uses, named as in RFC 6749 and its
// extensions.
const (
	GrantType    = "grant_type"
	ClientID     = "client_id"
	ClientSecret = "client_secret"
	Scope        = "scope"
	RefreshToken = "refresh_token"
	AccessToken  = "access_token"
	TokenType    = "token_type"
	IDToken      = "id_token"
	Assertion    = "assertion"

	clientAssertion     = "client_assertion"
	clientAssertionType = "client_assertion_type"
)

// FieldAuthorization is the field with the complete value of an Authorization
// header.
const FieldAuthorization = "authorization"

// Auth is how a client authenticates.
type Auth string

// Client authentication methods. A TLS client certificate can be added to any
// of them.
const (
	Basic         Auth = "basic"
	Body          Auth = "body"
	None          Auth = "none"
	PrivateKeyJWT Auth = "private_key_jwt"
	SecretJWT     Auth = "client_secret_jwt"
)

// Send is where the parameters of a request go.
type Send string

// Places for parameters. All requests are POST.
const (
	Form    Send = "form"
	JSON    Send = "json"
	Query   Send = "query"
	Headers Send = "headers"
)

// Endpoint is a token endpoint and the client that uses it. It is immutable
// once created, and safe for concurrent use.
type Endpoint struct {
	URL        *url.URL
	Send       Send
	ID, Secret credential.Secret
	Auth       Auth
	// RawBasic puts ID and secret into the Basic header unchanged; RFC 6749
	// (2.3.1) requires both to be form-encoded first.
	RawBasic bool
	// Names maps standard names of parameters and members to the server's names.
	Names map[string]string
	// Sign creates the client assertion, for the two methods that need one.
	Sign func(at time.Time) (credential.Secret, error)
}

// Param is one parameter or header. Parameters with the same name form a list.
type Param struct {
	Name  string
	Value credential.Secret
	// Literal means the value is a number, true or false, which JSON writes
	// without quotes.
	Literal bool
}

// Text returns a parameter with a text value.
func Text(name, value string) Param { return Param{Name: name, Value: credential.NewSecret(value)} }

// name returns the server's name for a standard one.
func (e *Endpoint) name(standard string) string {
	if own := e.Names[standard]; own != "" {
		return own
	}
	return standard
}
