package exchange

import (
	"net/http"
	"strconv"

	"github.com/vigented/vigente/credential"
)

// StatusFault returns the fault that the status of an answer implies, or nil
// for 2xx. Kinds examine the body first and call StatusFault if the body says
// nothing specific. It is a pure function of the answer.
//
// If a gateway gave up on the backend (502, 504), the request may have taken
// effect, hence Lost.
func StatusFault(a *Answer) *credential.Fault {
	f := &credential.Fault{}
	said := "the backend answered " + statusName(a.Status) + ": "
	switch {
	case a.OK():
		return nil
	case a.Status >= 300 && a.Status <= 399: // a 304 as well, unless the kind handles it
		f.Reason = credential.ReasonBadResponse
		f.Message = said + "redirects are not followed (set the url to where the service really is)"
	case a.Status == http.StatusTooManyRequests:
		f.Reason = credential.ReasonThrottled
		f.Message = said + "it asks for fewer calls (lower rate, or look for another program that uses the same account)"
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		f.Reason = credential.ReasonRejected
		f.Message = said + "it does not accept our credentials"
	case a.Status == http.StatusProxyAuthRequired:
		f.Reason = credential.ReasonNetwork
		f.Message = said + "the proxy" + a.through() + " requires a login (add it to the URL in HTTP_PROXY or in the key proxy)"
	case a.Status == http.StatusRequestTimeout:
		f.Reason = credential.ReasonTimeout
		f.Message = said + "it did not receive the request in time"
	case a.Status == http.StatusNotFound:
		f.Reason = credential.ReasonInvalidRequest
		f.Message = said + "there is no service at this path (is the url complete and correct?)"
	case a.Status >= 400 && a.Status <= 499:
		f.Reason = credential.ReasonInvalidRequest
		f.Message = said + "it does not accept the request"
	case a.Status >= 500 && a.Status <= 599:
		f.Reason = credential.ReasonServer
		f.Message = said + "it reports an internal error" + a.orProxy() + " (retried automatically)"
		f.Lost = a.Status == http.StatusBadGateway || a.Status == http.StatusGatewayTimeout
	default:
		f.Reason = credential.ReasonBadResponse
		f.Message = said + "not a valid status for an answer"
	}
	return f
}

// BadResponse returns the fault of an unusable answer.
func BadResponse(message string) *credential.Fault {
	return &credential.Fault{Reason: credential.ReasonBadResponse, Message: message}
}

// BrokenRequest returns the fault of a request that the standard library
// refuses to create. The configuration checks should prevent that.
func BrokenRequest(err error) *credential.Fault {
	return &credential.Fault{Reason: credential.ReasonInternal, Message: "create the request: the url cannot be used", Err: err}
}

// HTMLFault returns the fault of an HTML page instead of a machine-readable
// answer, whatever its status: a login page or a proxy answered instead of the
// backend.
func HTMLFault(a *Answer) *credential.Fault {
	f := &credential.Fault{
		Reason:  credential.ReasonBadResponse,
		Message: "the answer (" + statusName(a.Status) + ") is an HTML page: something other than the backend answered (is the url right? is there a proxy or a portal in between?)",
		Lost:    a.OK(),
	}
	if a.Proxy != "" {
		f.Message = "the answer (" + statusName(a.Status) + ") is an HTML page: the proxy " + a.Proxy + ", or something behind it, answered instead of the backend (does the proxy allow this host and port? is the url right?)"
	}
	return f
}

// through names the proxy an answer came through.
func (a *Answer) through() string {
	if a.Proxy == "" {
		return " on the way"
	}
	return " " + a.Proxy
}

// orProxy adds that the status may come from the proxy instead of the backend.
func (a *Answer) orProxy() string {
	if a.Proxy == "" || a.Status == http.StatusInternalServerError {
		return ""
	}
	return ", or the proxy " + a.Proxy + " cannot reach it"
}

// statusName returns the status code with its registered name, if it has one.
// The server's own reason phrase is never shown.
func statusName(status int) string {
	if name := http.StatusText(status); name != "" {
		return strconv.Itoa(status) + " " + name
	}
	return strconv.Itoa(status)
}
