// Package tokens is one exchange at the token endpoint of an OAuth 2.0 server:
// it makes the request, with the client's authentication, and reads the answer.
//
// It knows no vendor: where parameters go, what they are called and how the
// client proves who it is are fields of an Endpoint. It makes no call itself,
// repeats nothing and decides nothing about retries; what an answer that is no
// success means is for the kind to say. No text of a server gets out of it but
// the token, its type, its scope and the codes of the standards.
package tokens

import (
	"net/url"
	"time"

	"github.com/vigented/vigente/credential"
)

// Names of the parameters and members that every kind uses, as RFC 6749 and its
// extensions have them.
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

// FieldAuthorization is the field with the whole value of an Authorization
// header.
const FieldAuthorization = "authorization"

// Auth is how a client proves who it is.
type Auth string

// The ways. A certificate of the TLS connection goes with any of them.
const (
	Basic         Auth = "basic"
	Body          Auth = "body"
	None          Auth = "none"
	PrivateKeyJWT Auth = "private_key_jwt"
	SecretJWT     Auth = "client_secret_jwt"
)

// Send is where the parameters of a request go.
type Send string

// The places. All of them are sent by POST.
const (
	Form    Send = "form"
	JSON    Send = "json"
	Query   Send = "query"
	Headers Send = "headers"
)

// Endpoint is one token endpoint with the client that uses it. It is not
// changed once made, and safe for concurrent use.
type Endpoint struct {
	URL        *url.URL
	Send       Send
	ID, Secret credential.Secret
	Auth       Auth
	// RawBasic puts id and secret into the Basic header as they are; RFC 6749
	// (2.3.1) wants both form-encoded before they are joined.
	RawBasic bool
	// Names are what the server calls a parameter or a member of the answer, by
	// the name of the standards.
	Names map[string]string
	// Sign makes the assertion by which the client proves who it is, for the
	// two ways that need one.
	Sign func(at time.Time) (credential.Secret, error)
}

// Param is one parameter of a request, or one header. Parameters of one name
// are a list.
type Param struct {
	Name  string
	Value credential.Secret
	// Literal says that the value is a number, true or false, which JSON
	// writes without quotes.
	Literal bool
}

// Text is a parameter with a text.
func Text(name, value string) Param { return Param{Name: name, Value: credential.NewSecret(value)} }

// name is what the server calls something.
func (e *Endpoint) name(standard string) string {
	if own := e.Names[standard]; own != "" {
		return own
	}
	return standard
}
