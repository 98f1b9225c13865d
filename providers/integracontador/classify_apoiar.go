package integracontador

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// classifyApoiar returns the fault in an answer to a posted Termo, or nil if it
// looks like a success. Codes of the service take precedence over codes of the
// gateway, and both over the status.
func classifyApoiar(a *exchange.Answer, q asked) *credential.Fault {
	if a.Status == http.StatusOK && !a.HTML() {
		if token, _ := tokenOf(a.Body); token != "" {
			return nil
		}
	}
	r, _ := readReply(a.Body)
	for _, m := range r.Mensagens {
		c, ok := parseCode(m.Codigo)
		if !ok {
			continue
		}
		if f := codeFault(c, a, q); f != nil {
			return f
		}
	}
	if f := gatewayFault(a, q); f != nil {
		return f
	}
	return apoiarStatus(a, q)
}

// codeFault is the fault of one documented code. It returns nil if the code is
// not documented and the status says more.
func codeFault(c code, a *exchange.Answer, q asked) *credential.Fault {
	v := c.advice()
	if c.module == moduleTermo && a.Status >= 400 && a.Status <= 499 {
		// With such a status the Termo is at fault, whatever the code once meant.
		v.action = signAgain
		if v.text == "" {
			v.text = "the service refuses the Termo for a reason that is not documented"
		}
	}
	f := &credential.Fault{Code: c.String(), Message: c.String() + ": " + v.text}
	switch v.action {
	case retry:
		f.Reason = credential.ReasonServer
		f.Lost = a.Status == http.StatusGatewayTimeout
	case renewPair:
		f.Reason, f.StaleInput = credential.ReasonInvalidRequest, q.session
	case configure, person:
		f.Reason = credential.ReasonRejected
	case request:
		f.Reason = credential.ReasonInvalidRequest
	case signAgain:
		refuse(f, c, a, q)
	default:
		return nil
	}
	return f
}

// refuse completes the fault of a refused Termo. A stored one is discarded, and
// the next attempt signs another; one that was signed just now parks.
func refuse(f *credential.Fault, c code, a *exchange.Answer, q asked) {
	switch {
	case q.signed.stored:
		f.Reason, f.SeedSpent = credential.ReasonInvalidRequest, true
		f.Message = c.String() + ": the stored Termo is refused, a new one is signed and sent once (" + c.advice().text + ")"
		if c.advice().text == "" {
			f.Message = c.String() + ": the stored Termo is refused, a new one is signed and sent once"
		}
	case c.number == "018" && serverDay(a) != "" && serverDay(a) < q.signed.signedOn:
		// Just after midnight a clock that is slightly ahead is enough; by the next
		// attempt the service's day has begun as well.
		f.Reason = credential.ReasonInvalidRequest
		f.Message = c.String() + ": the clock here is ahead of the service's, where the day of signing has not begun (retried automatically; set the clock)"
	default:
		f.Reason = credential.ReasonRejected
		if key := "author.certificate"; strings.Contains(f.Message, key) {
			f.Keys = []string{key} // another certificate fixes this
		}
	}
}

// serverDay returns the service's day in Brasília, or "".
func serverDay(a *exchange.Answer) string {
	date, ok := a.Date()
	if !ok {
		return ""
	}
	return date.In(brasilia).Format(dayForm)
}

// gatewayFault classifies the codes of the gateway (WSO2), which answers in its
// own JSON or in XML. It returns nil if there is none.
func gatewayFault(a *exchange.Answer, q asked) *credential.Fault {
	c := gatewayCode(a.Body)
	f := &credential.Fault{Code: c}
	switch {
	case a.OK() && c != "":
		f.Reason = credential.ReasonBadResponse
		f.Message = "the gateway answers with an error in place of a token (" + c + ")"
	case c == "900901" || c == "900902" || c == "900903" || c == "900904":
		f.Reason, f.StaleInput = credential.ReasonInvalidRequest, q.session
		f.Message = "the gateway does not accept the session any more (" + c + "; a new one is obtained)"
	case c == "900908":
		f.Reason, f.Keys = credential.ReasonRejected, []string{"consumer_key"}
		f.Message = "the gateway says that consumer_key is not subscribed to this API (900908: check api_url, and the contract in Serpro's client area)"
	case strings.HasPrefix(c, "9008"):
		f.Reason = credential.ReasonThrottled
		f.Message = "the gateway asks for fewer calls (" + c + ": lower rate)"
	default:
		return nil
	}
	return f
}

// gatewayCode returns the six digits of a fault of the gateway, or "".
func gatewayCode(body []byte) string {
	digits := func(raw string) string {
		raw = strings.Trim(raw, "\" \t\r\n")
		if len(raw) == 6 && strings.HasPrefix(raw, "90") && strings.Trim(raw, "0123456789") == "" {
			return raw
		}
		return ""
	}
	text := string(body)
	if _, tail, found := strings.Cut(text, "code>"); found && strings.HasPrefix(strings.TrimSpace(text), "<") {
		inner, _, _ := strings.Cut(tail, "<")
		return digits(inner)
	}
	var o struct {
		Code  json.RawMessage `json:"code"`
		Fault struct {
			Code json.RawMessage `json:"code"`
		} `json:"fault"`
	}
	if json.Unmarshal(trimBOM(body), &o) != nil {
		return ""
	}
	return digits(string(o.Code)) + digits(string(o.Fault.Code))
}

// apoiarStatus classifies by status alone.
func apoiarStatus(a *exchange.Answer, q asked) *credential.Fault {
	f := exchange.StatusFault(a)
	switch {
	case a.Status == http.StatusUnauthorized:
		// Whatever the body says: the documents say to log in again.
		return &credential.Fault{
			Reason: credential.ReasonInvalidRequest, StaleInput: q.session,
			Message: "the gateway does not accept the session any more (401; a new one is obtained)",
		}
	case a.HTML() && a.Status < 500 && a.Status != http.StatusTooManyRequests:
		return exchange.HTMLFault(a)
	case a.Status == http.StatusOK:
		return nil
	case f == nil:
		return exchange.BadResponse("the service answers with a success that this operation does not have (is api_url right?)")
	case a.Status == http.StatusNotFound:
		f.Message = "the gateway knows no such path (expected api_url such as https://gateway.apiserpro.serpro.gov.br/integra-contador/v1)"
	}
	return f
}
