package exchange

import (
	"net/http"
	"strconv"

	"github.com/vigented/vigente/credential"
)

// StatusFault returns what the status of an answer says by itself, or nil for
// 2xx. Kinds ask the body first and this when the body says nothing of its
// own. It is a pure function of the answer.
//
// A gateway that gave up on the backend (502, 504) leaves open whether the
// request took effect, hence Lost.
func StatusFault(a *Answer) *credential.Fault {
	f := &credential.Fault{}
	said := "the backend answered " + statusName(a.Status) + ": "
	switch {
	case a.OK():
		return nil
	case a.Status >= 300 && a.Status <= 399: // a 304 that the kind does not know as well
		f.Reason = credential.ReasonBadResponse
		f.Message = said + "redirects are not followed (set the url to where the service really is)"
	case a.Status == http.StatusTooManyRequests:
		f.Reason = credential.ReasonThrottled
		f.Message = said + "it asks for fewer calls (lower rate, or look for another caller with the same account)"
	case a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden:
		f.Reason = credential.ReasonRejected
		f.Message = said + "it does not accept our credentials"
	case a.Status == http.StatusProxyAuthRequired:
		f.Reason = credential.ReasonNetwork
		f.Message = said + "the proxy" + a.through() + " wants a login (put it into the URL of HTTP_PROXY, or of the key proxy)"
	case a.Status == http.StatusRequestTimeout:
		f.Reason = credential.ReasonTimeout
		f.Message = said + "it did not get the request in time"
	case a.Status == http.StatusNotFound:
		f.Reason = credential.ReasonInvalidRequest
		f.Message = said + "there is no such service at this path (is the url complete and right?)"
	case a.Status >= 400 && a.Status <= 499:
		f.Reason = credential.ReasonInvalidRequest
		f.Message = said + "it does not accept the request"
	case a.Status >= 500 && a.Status <= 599:
		f.Reason = credential.ReasonServer
		f.Message = said + "it is out of order" + a.orProxy() + " (retried automatically)"
		f.Lost = a.Status == http.StatusBadGateway || a.Status == http.StatusGatewayTimeout
	default:
		f.Reason = credential.ReasonBadResponse
		f.Message = said + "no status of an answer"
	}
	return f
}

// BadResponse is the fault of an answer that cannot be used.
func BadResponse(message string) *credential.Fault {
	return &credential.Fault{Reason: credential.ReasonBadResponse, Message: message}
}

// BrokenRequest is the fault of a request that the standard library refuses to
// make, which the checks of the configuration exclude.
func BrokenRequest(err error) *credential.Fault {
	return &credential.Fault{Reason: credential.ReasonInternal, Message: "make the request: the url cannot be used", Err: err}
}

// HTMLFault is the fault of a page for people where a machine's answer was
// expected, whatever its status: a login page or a proxy answered instead of
// the backend.
func HTMLFault(a *Answer) *credential.Fault {
	return &credential.Fault{
		Reason:  credential.ReasonBadResponse,
		Message: "the answer (" + statusName(a.Status) + ") is an HTML page: something else than the backend answers there (is the url right? is a proxy or a portal in the way?)",
		Lost:    a.OK(),
	}
}

// through names the proxy that an answer came through.
func (a *Answer) through() string {
	if a.Proxy == "" {
		return " on the way"
	}
	return " " + a.Proxy
}

// orProxy says that an answer about a broken backend may be the proxy's own.
func (a *Answer) orProxy() string {
	if a.Proxy == "" || a.Status == http.StatusInternalServerError {
		return ""
	}
	return ", or the proxy " + a.Proxy + " does not reach it"
}

// statusName is the number with its registered name; a number alone when it
// has none. The server's own phrase is never shown.
func statusName(status int) string {
	if name := http.StatusText(status); name != "" {
		return strconv.Itoa(status) + " " + name
	}
	return strconv.Itoa(status)
}
