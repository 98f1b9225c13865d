package oauth2

import (
	"net/http"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/tokens"
)

// operation is the purpose of a call, which decides what a refusal means.
type operation int

const (
	asking     operation = iota // a grant without a person
	loggingIn                   // the password grant
	refreshing                  // a refresh token is sent
	exchanging                  // the code of a login is exchanged
)

// classify returns the fault in an answer of a token endpoint, or nil if it looks
// like a success. It is a pure function of the answer.
//
// A refusal of the grant parks the grant, and one of the client parks the client.
// An overloaded or failing server never parks, whatever else its body says, and
// neither does a page.
func (s *source) classify(a *exchange.Answer, e *tokens.Endpoint, op operation) *credential.Fault {
	switch {
	case a.HTML() && a.Status < http.StatusInternalServerError && a.Status != http.StatusTooManyRequests:
		return exchange.HTMLFault(a)
	case a.HTML(), a.Status == http.StatusTooManyRequests, a.Status == http.StatusBadGateway, a.Status == http.StatusServiceUnavailable, a.Status == http.StatusGatewayTimeout,
		a.Status >= 300 && a.Status <= 399:
		return exchange.StatusFault(a)
	}
	code := e.Code(a.Body)
	if a.OK() && (code == "" || holdsToken(a, e)) {
		return nil
	}
	f := s.refusal(code, op)
	if f == nil {
		f = s.byStatus(a, op)
	}
	f.Code = code
	return f
}

// holdsToken reports whether an answer with an error code contains a token
// anyway: any 2xx answer with a token is a success.
func holdsToken(a *exchange.Answer, e *tokens.Endpoint) bool {
	_, f := e.Read(a, a.ReceivedAt)
	return f == nil
}

// refusal classifies by the code in a body, whatever the status. It returns nil if
// the code says nothing.
func (s *source) refusal(code string, op operation) *credential.Fault {
	fault := func(reason credential.Reason, message string, keys ...string) *credential.Fault {
		return &credential.Fault{Reason: reason, Message: message, Keys: keys}
	}
	switch code {
	case "invalid_grant", "invalid_assertion", "expired_token", "consent_required", "login_required", "interaction_required":
		return s.grantRefused(op)
	case "invalid_client":
		return s.clientRefused()
	case "access_denied":
		return fault(credential.ReasonRejected, "the server denies access: check what the client and the person behind the grant may do there")
	case "unauthorized_client":
		return fault(credential.ReasonInvalidRequest, "the server does not allow this client to use this grant: check grant, or the client's registration there", "grant")
	case "unsupported_grant_type":
		return fault(credential.ReasonInvalidRequest, "the server does not know this grant at this address: check grant and token_url", "grant", "token_url")
	case "invalid_scope":
		return fault(credential.ReasonInvalidRequest, "the server does not grant this scope: check scope", "scope")
	case "invalid_target":
		return fault(credential.ReasonInvalidRequest, "the server does not know this resource: check resource and audience", "resource", "audience")
	case "invalid_request", "unsupported_response_type":
		return fault(credential.ReasonInvalidRequest, "the server misses something in the request, or does not expect it: check client_auth, send and params")
	case "temporarily_unavailable", "server_error":
		return fault(credential.ReasonServer, "the server says that it is out of order (retried automatically)")
	case "slow_down", "authorization_pending":
		return fault(credential.ReasonThrottled, "the server asks for fewer calls (lower rate)")
	}
	return nil
}

// grantRefused is the fault when the grant itself is refused.
func (s *source) grantRefused(op operation) *credential.Fault {
	f := &credential.Fault{Reason: credential.ReasonRejected}
	switch op {
	case refreshing:
		f.SeedSpent = true
		f.Message = "the server no longer accepts the refresh token (it was used, revoked, or has ended): run vigente login " + s.name
	case loggingIn:
		f.Message, f.Keys = "the server refuses the login: check username and password", []string{"username", "password"}
	case exchanging:
		f.Message = "the server refuses the code of this login (used, too old, or for another redirect_url): run vigente login " + s.name + " again"
	case asking:
		f.Message, f.Keys = "the server refuses the grant: "+s.checkGrant(), s.grantKeys()
	}
	return f
}

func (s *source) checkGrant() string {
	switch s.grant {
	case grantJWTBearer:
		return "check key, key_id, signing_alg and assertion, and the clock of this machine"
	case grantExchange:
		return "check subject: its token may have ended, or be of another server"
	}
	return "check client_id, scope and params"
}

func (s *source) grantKeys() []string {
	switch s.grant {
	case grantJWTBearer:
		return []string{"key"}
	case grantExchange:
		return []string{"subject"}
	}
	return []string{"client_id"}
}

// clientRefused is the fault when the client itself is refused.
func (s *source) clientRefused() *credential.Fault {
	f := &credential.Fault{Reason: credential.ReasonRejected, ClientRefused: true}
	switch s.endpoint.Auth {
	case tokens.PrivateKeyJWT:
		f.Message, f.Keys = "the server refuses the client: check client_id, key, key_id and signing_alg, assertion.audience, and the clock of this machine", []string{"client_id", "key"}
	case tokens.None:
		f.Message, f.Keys = "the server refuses the client: check client_id, client_auth and tls.certificate", []string{"client_id", "tls.certificate"}
	case tokens.Basic, tokens.Body, tokens.SecretJWT:
		f.Message, f.Keys = "the server refuses the client: check client_id, client_secret and client_auth (and tls.certificate, where it wants one)", []string{"client_id", "client_secret"}
	}
	return f
}

// anonymous reports whether there is no client that could be refused, so a
// refusal concerns the grant.
func (s *source) anonymous() bool { return s.endpoint.Auth == tokens.None && s.clientID.IsZero() }

// byStatus classifies by status an answer whose body says nothing itself.
func (s *source) byStatus(a *exchange.Answer, op operation) *credential.Fault {
	switch {
	case a.Status == http.StatusUnauthorized && s.anonymous() && (op == refreshing || op == loggingIn):
		return s.grantRefused(op)
	case a.Status == http.StatusUnauthorized:
		return s.clientRefused()
	case a.Status == http.StatusForbidden:
		f := s.clientRefused()
		f.Message = "the server forbids the call (403): check what the client may do there, and whether it must come from a known address or with tls.certificate"
		return f
	case a.OK():
		return &credential.Fault{Reason: credential.ReasonInvalidRequest, Message: "the server answers with an error in place of a token: check token_url and params"}
	case a.Status == http.StatusBadRequest && op == loggingIn:
		f := exchange.StatusFault(a)
		f.Message += "; check username, password and params"
		return f
	}
	return exchange.StatusFault(a)
}
