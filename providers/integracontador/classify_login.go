package integracontador

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// classifyLogin returns the fault in an answer to the login, or nil if it looks
// like a success. It is a pure function of the answer.
//
// Only a person can change what the service refuses here, so a refusal parks. A
// page may come from anything on the way, so it never parks.
func classifyLogin(a *exchange.Answer) *credential.Fault {
	f := exchange.StatusFault(a)
	switch {
	case a.HTML() && a.Status < 500 && a.Status != http.StatusTooManyRequests:
		return exchange.HTMLFault(a)
	case f == nil:
		if said := readLoginError(a.Body); said.Status >= 400 {
			return &credential.Fault{Reason: credential.ReasonBadResponse, Message: "the login answers with an error in place of a session (is auth_url right?)"}
		}
		return nil
	}
	switch a.Status {
	case http.StatusBadRequest:
		if readLoginError(a.Body).aboutCertificate() {
			f.Reason, f.Keys = credential.ReasonRejected, []string{"certificate"}
			f.Message = "the login got no certificate that it knows: certificate must be the e-CNPJ of the contratante, the one the API was bought with, valid, and reach the server (a proxy that opens TLS drops it)"
			break
		}
		f.Message = "the login does not accept the request (is auth_url the complete URL of Integra Contador?)"
	case http.StatusUnauthorized:
		f.Message = "the login refuses consumer_key and consumer_secret (compare them with the contract in Serpro's client area)"
		f.Keys, f.ClientRefused = []string{"consumer_key", "consumer_secret"}, true
	case http.StatusForbidden:
		f.Message = "the login forbids access: check that the contract is active, and that certificate and consumer_key are of the same contratante"
		f.Keys = []string{"certificate", "consumer_key"}
	case http.StatusUnsupportedMediaType:
		f.Message = "the login does not take a form (is auth_url that of /authenticate, and no proxy changes the Content-Type?)"
	}
	return f
}

// loginError is the body of a refused login.
type loginError struct {
	Status  int    `json:"status"`
	Message string `json:"message"`
}

func readLoginError(body []byte) loginError {
	var e loginError
	if json.Unmarshal(trimBOM(body), &e) != nil {
		return loginError{}
	}
	return e
}

func (e loginError) aboutCertificate() bool {
	return strings.Contains(strings.ToLower(e.Message), "certificad")
}

func trimBOM(body []byte) []byte { return bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")) }
