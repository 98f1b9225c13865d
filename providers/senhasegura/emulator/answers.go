package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
)

// json writes one JSON answer.
func (x *exchange) json(status int, contentType string, value any) {
	x.w.Header().Set("Content-Type", contentType)
	x.w.WriteHeader(status)
	// A caller that went away is not a fault of the vault.
	_ = json.NewEncoder(x.w).Encode(value)
}

// page writes one HTML answer.
func (x *exchange) page(status int, title string) {
	x.w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	x.w.WriteHeader(status)
	_, _ = x.w.Write([]byte("<!DOCTYPE html><html><head><title>" + title + "</title></head><body><h1>" + title + "</h1></body></html>\n"))
}

// leagueError is the body of an OAuth 2.0 error, with the fields of the
// profile.
type leagueError struct {
	Error       string `json:"error"`
	Description string `json:"error_description,omitempty"`
	Hint        string `json:"hint,omitempty"`
	Message     string `json:"message,omitempty"`
}

// league writes one OAuth 2.0 error.
func (x *exchange) league(status int, code, text, hint string) {
	body := leagueError{Error: code, Hint: hint}
	if x.set.Profile != League6 {
		body.Description = text
	}
	if x.set.Profile != League9 {
		body.Message = text
	}
	x.json(status, "application/json", body)
}

func (x *exchange) invalidClient() {
	if x.r.Header.Get("Authorization") != "" {
		x.w.Header().Set("WWW-Authenticate", `Basic realm="OAuth"`)
	}
	x.league(http.StatusUnauthorized, "invalid_client", "Client authentication failed", "")
}

func (x *exchange) invalidRequest(parameter string) {
	x.league(http.StatusBadRequest, "invalid_request",
		"The request is missing a required parameter, includes an invalid parameter value, includes a parameter more than once, or is otherwise malformed.",
		"Check the `"+parameter+"` parameter")
}

func (x *exchange) accessDenied(hint string) {
	x.league(http.StatusUnauthorized, "access_denied", "The resource owner or authorization server denied the request.", hint)
}

// refused answers a caller whose address or referer is not allowed.
func (x *exchange) refused() {
	switch x.set.Refusal {
	case RefuseAsPage:
		x.page(http.StatusForbidden, "Access denied")
	case RefuseAsForbidden:
		x.envelopeError(http.StatusForbidden, 0, "Forbidden", "Proibido")
	default:
		x.invalidClient()
	}
}

// kong writes an error of the gateway in front of the service.
func (x *exchange) kong(status int, message string) {
	x.json(status, "application/json; charset=utf-8", map[string]string{"message": message})
}

func (x *exchange) kongNoRoute() {
	x.kong(http.StatusNotFound, "no Route matched with those values")
}

// envelope is the answer of a v1 resource, in both languages.
type envelope struct {
	Code      int        `json:"code"`
	Response  response   `json:"response"`
	Exception *exception `json:"exception,omitempty"`

	Device      any `json:"device,omitempty"`
	Devices     any `json:"devices,omitempty"`
	Credential  any `json:"credential,omitempty"`
	Credentials any `json:"credentials,omitempty"`
	Application any `json:"application,omitempty"`
	Senha       any `json:"senha,omitempty"`
}

type response struct {
	Status   int    `json:"status"`
	Mensagem string `json:"mensagem"`
	Message  string `json:"message"`
	Erro     bool   `json:"erro"`
	Error    bool   `json:"error"`
	CodErro  int    `json:"cod_erro"`
	Code     int    `json:"error_code"`
	Detail   string `json:"detail"`
}

type exception struct {
	Code    int     `json:"code"`
	Message string  `json:"message"`
	Detail  *string `json:"detail"`
}

// ok writes a resource's answer.
func (x *exchange) ok(answer envelope) {
	answer.Code = http.StatusOK
	answer.Response = response{Status: http.StatusOK, Message: "OK", Mensagem: "OK"}
	x.json(http.StatusOK, "application/json", answer)
}

// envelopeError writes an error in the envelope; documented application errors
// have a code above 1000.
func (x *exchange) envelopeError(status, code int, message, mensagem string) {
	x.json(status, "application/json", failure(status, code, message, mensagem))
}

func failure(status, code int, message, mensagem string) envelope {
	return envelope{
		Code: status,
		Response: response{
			Status: status, Message: message, Mensagem: mensagem, Error: true, Erro: true, Code: code, CodErro: code,
		},
		Exception: &exception{Code: code, Message: message},
	}
}

func (x *exchange) notAuthorized() {
	x.envelopeError(http.StatusInternalServerError, 0,
		"You are not authorized to access this resource.", "Você não está autorizado a acessar este recurso.")
}

// hasScheme reports whether an Authorization header has a scheme, ignoring
// case, and returns what follows it.
func hasScheme(header, scheme string) (string, bool) {
	word, rest, _ := strings.Cut(header, " ")
	return strings.TrimSpace(rest), strings.EqualFold(word, scheme)
}
