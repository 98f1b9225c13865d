package senhasegura

import (
	"net/http"
	"strconv"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

const checkAuthorization = "that the application and its authorization are enabled, that the authorization has not expired, " +
	"and that this machine's address is in its IP list (and referer in its list, if it has one)"

// classifyToken returns the fault in an answer of the token endpoint, or nil if
// it looks like a success. It is a pure function of the answer.
//
// Only `rejected` parks a credential: a refusal by the service in any of its
// forms, or a 401 or 403. A page may come from anything on the way and never
// parks.
func classifyToken(a *exchange.Answer) *credential.Fault {
	if f := pageFault(a); f != nil {
		return f
	}
	c := readComplaint(a.Body)
	if a.OK() && !c.failed && c.oauth == "" {
		return nil
	}
	reason, message := c.refusal()
	if reason == "" {
		return statusOf(a, c)
	}
	f := &credential.Fault{Reason: reason, Message: message, Code: c.code()}
	f.ClientRefused = c.oauth == "invalid_client" || c.says("client authentication failed")
	if reason == credential.ReasonRejected {
		f.Keys = oauth2Secrets
	}
	return f
}

// refusal classifies by what the body says, whatever the status.
func (c complaint) refusal() (credential.Reason, string) {
	switch {
	case c.oauth == "invalid_client" || c.says("client authentication failed"):
		return credential.ReasonRejected, "the vault refuses the client: check client_id and client_secret, " + checkAuthorization
	case c.says("not authorized to access this resource"):
		return credential.ReasonRejected, "the vault says that the authorization does not include this resource: add it to the authorization's resources"
	case c.oauth == "unauthorized_client":
		return credential.ReasonRejected, "the vault does not let this application use client credentials: it must be an OAuth 2.0 application"
	case c.oauth == "access_denied":
		return credential.ReasonRejected, "the vault denies access: check " + checkAuthorization
	case c.oauth == "unsupported_grant_type":
		return credential.ReasonInvalidRequest, "the vault knows no client credentials grant at this path (is token_path right?)"
	case c.oauth == "invalid_scope":
		return credential.ReasonInvalidRequest, "the vault does not know the scope: check the credential's scope, or leave it out"
	case c.oauth == "invalid_request":
		return credential.ReasonInvalidRequest, "the vault misses something in the request: try the other auth_style, and check that client_id and client_secret are complete"
	case c.oauth == "server_error" || c.oauth == "temporarily_unavailable":
		return credential.ReasonServer, "the vault says that it is out of order (retried automatically)"
	}
	return "", ""
}

// statusOf classifies by status an answer whose body says nothing itself.
func statusOf(a *exchange.Answer, c complaint) *credential.Fault {
	status := a.Status
	if a.OK() {
		// The envelope reports a failure although the status is a success.
		status = c.status
	}
	f := statusFault(&exchange.Answer{Status: status, Header: a.Header, ReceivedAt: a.ReceivedAt})
	switch {
	case f == nil || a.OK() && status < 300:
		f = &credential.Fault{Reason: credential.ReasonInvalidRequest, Message: "the vault answers with an error in place of a token (is token_path the token endpoint?)"}
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		f.Message = "the vault refuses the call (" + strconv.Itoa(status) + "): check client_id and client_secret, " + checkAuthorization
		f.Keys = oauth2Secrets
		f.ClientRefused = status == http.StatusUnauthorized
	}
	f.Code = c.code()
	return f
}

// pageFault is for a web page in place of an answer. A broken or overloaded
// backend sends pages as well, so its status takes precedence.
func pageFault(a *exchange.Answer) *credential.Fault {
	switch {
	case !a.HTML():
		return nil
	case a.Status >= 500 || a.Status == http.StatusTooManyRequests:
		return statusFault(a)
	}
	return exchange.HTMLFault(a)
}

// statusFault classifies by status, with the advice for this service.
func statusFault(a *exchange.Answer) *credential.Fault {
	f := exchange.StatusFault(a)
	if a.Status == http.StatusNotFound {
		f.Message = "the vault's gateway knows no such path: check url and the path below it (the token endpoint is /iso/oauth2/token, on newer versions also /api/oauth2/token)"
	}
	return f
}
