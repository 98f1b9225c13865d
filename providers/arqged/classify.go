package arqged

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// classify returns the object of an answer with a token, or the fault. It is a
// pure function.
//
// A refusal by the application parks a Login. A refused refresh only means that
// the refresh token has ended: SeedSpent, with a reason that is retried. Pages
// from a proxy never park.
func classify(a *exchange.Answer, op operation) (object, *credential.Fault) {
	o, twice := parseObject(a.Body)
	switch {
	case keyRefused(a):
		return nil, new(keyring).refused(0)
	case a.OK():
		return success(a, o, twice, op)
	case gatewayQuota(a, o):
		return nil, &credential.Fault{
			Reason:  credential.ReasonThrottled,
			Message: "the customer's quota of calls is used up at the gateway of ArqGED (4 a second, 240 a minute, 2400 an hour, all integrations together): lower rate, or look for another caller",
		}
	case a.Status == http.StatusNotFound && o.has("statuscode"):
		return nil, &credential.Fault{
			Reason:  credential.ReasonInvalidRequest,
			Message: "the gateway of ArqGED knows no such operation: check the prefix in url (newer manuals have none, those of 2024 have /v1)",
		}
	case a.HTML() && a.Status >= 400 && a.Status <= 499 && a.Status != http.StatusTooManyRequests:
		return nil, exchange.HTMLFault(a)
	case refusal(a.Status) && op == refreshing:
		return nil, spent(a.Status)
	case refusal(a.Status):
		return nil, &credential.Fault{Reason: credential.ReasonRejected, Keys: keysOfLogin, Message: refusedLogin(a.Status, o), ClientRefused: true}
	}
	return nil, statusFault(a)
}

// refusal reports whether a status means that the application evaluated the
// request and refused it. A bad login has no documented status of its own.
func refusal(status int) bool {
	switch status {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusConflict,
		http.StatusGone, http.StatusUnprocessableEntity, http.StatusLocked:
		return true
	}
	return false
}

// success classifies a 2xx answer: only one with a token is a success.
func success(a *exchange.Answer, o object, twice bool, op operation) (object, *credential.Fault) {
	token := o.text("token")
	switch {
	case a.HTML():
		return nil, exchange.HTMLFault(a)
	case o == nil && op == loggingIn && sentence(a.Body), op == loggingIn && !o.has("token") && complains(o):
		// Repeating a wrong password locks the account.
		return nil, &credential.Fault{Reason: credential.ReasonRejected, Keys: keysOfLogin, Message: "ArqGED answers the Login with a message in place of a token: " + checkLogin}
	case o == nil:
		return nil, unusable("is not a JSON object, or is truncated (is url right?)")
	case twice:
		return nil, unusable("names a key twice")
	case token == "":
		return nil, unusable("holds no Token (is url right?)")
	case !exchange.HeaderText(token):
		// Such a token could break, or inject into, the header it is put into.
		return nil, unusable("holds a Token with a blank, a control character or one beyond ASCII, which no header can carry")
	}
	return o, nil
}

// complains reports whether an object is an error message of the application.
func complains(o object) bool {
	return o.text("mensagem") != "" || o.text("message") != "" || o.has("errors") || o.text("erro") != ""
}

// keyRefused reports whether the gateway refused the subscription key. Azure
// API Management answers 401 with statusCode and a message that begins "Access
// denied due to missing subscription key" or "… invalid subscription key"
// (Microsoft Learn, "Subscriptions in Azure API Management"). The text is
// needed because the application also answers 401, to a wrong password.
func keyRefused(a *exchange.Answer) bool {
	if a.Status != http.StatusUnauthorized {
		return false
	}
	if o, _ := parseObject(a.Body); o != nil {
		return o.has("statuscode") && strings.Contains(o.words("message"), "subscription key")
	}
	// A truncated body still begins with the part that matters.
	text := bytes.ToLower(a.Body)
	return a.Truncated && bytes.Contains(text, []byte(`"statuscode"`)) && bytes.Contains(text, []byte("subscription key"))
}

// gatewayQuota recognises the 403 that Azure API Management sends over quota.
func gatewayQuota(a *exchange.Answer, o object) bool {
	return a.Status == http.StatusForbidden && strings.Contains(o.words("message"), "out of call volume quota")
}

// spent is the fault of a refresh token that no longer works.
func spent(status int) *credential.Fault {
	return &credential.Fault{
		Reason:    credential.ReasonBadResponse,
		Message:   "ArqGED no longer accepts the refresh token (" + strconv.Itoa(status) + "); the next attempt logs in with the password",
		SeedSpent: true,
	}
}

// keysOfLogin lists the configuration keys to fix after a refused login.
var keysOfLogin = []string{"username", "password"}

const checkLogin = "check username and password; the password may have to be changed in ArqGED first, or the user be blocked or deactivated " +
	"(nothing is tried again until one of the keys changes, so that the account is not locked)"

// refusedLogin says what to check. It names the members of our own request that
// the answer lists, and never quotes a text.
func refusedLogin(status int, o object) string {
	said := "ArqGED refuses the Login (" + strconv.Itoa(status) + "): "
	errors := strings.ToLower(string(o["errors"]))
	switch {
	case strings.Contains(errors, "utilizacaounica"):
		return said + "it does not take utilizacaoUnica in this form: set single_use_as to the other of \"bool\" and \"string\""
	case strings.Contains(errors, "tempoexpiracao"):
		return said + "it does not take this tempoExpiracao: set a smaller token_minutes"
	case strings.Contains(errors, "aplicacao"):
		return said + "it does not take this aplicacao: set another one, or leave it out"
	case status == http.StatusNotFound && !complains(o):
		return said + "check the prefix in url, and username and password (nothing is tried again until one of them changes)"
	}
	return said + checkLogin
}

// statusFault classifies by status, with the advice for this service.
func statusFault(a *exchange.Answer) *credential.Fault {
	f := exchange.StatusFault(a)
	switch {
	case a.Status == http.StatusInternalServerError:
		f.Message = "ArqGED answers 500: out of order, or it does not like the form of the request, which it answers with 500 too " +
			"(retried automatically; if it stays, check aplicacao, token_minutes and single_use_as)"
	case f.Reason == credential.ReasonThrottled:
		f.Message = "the gateway of ArqGED asks for fewer calls (4 a second, 240 a minute, 2400 an hour, all integrations of the customer together)"
	}
	return f
}

// unusable is a success without a usable token, although one was issued.
func unusable(what string) *credential.Fault {
	return &credential.Fault{Reason: credential.ReasonBadResponse, Message: "the answer of ArqGED " + what, Lost: true}
}
