package emulator

import (
	"net/http"
	"strings"
)

// resource is one route of the API, under /iso as well as /api.
type resource struct {
	method string
	// path is what follows the prefix; a trailing slash means an id follows.
	path string
	// needs names the resource that the authorization must include.
	needs  string
	answer func(x *exchange, id string)
}

// The routes of version 1 that a client of this product could call.
var resources = []resource{
	{http.MethodGet, "/pam/device", "pam", (*exchange).devices},
	{http.MethodGet, "/pam/device/", "pam", (*exchange).device},
	{http.MethodGet, "/pam/credential", "pam", (*exchange).credentials},
	{http.MethodGet, "/pam/credential/", "pam", (*exchange).password},
	{http.MethodDelete, "/pam/credential/custody/", "pam", (*exchange).release},
	{http.MethodGet, "/coe/senha/", "coe", (*exchange).senha},
	{http.MethodGet, "/dapp/application", "dapp", (*exchange).secrets},
}

// match returns the id in a path.
func (r resource) match(method, path string) (id string, ok bool) {
	rest, found := strings.CutPrefix(path, "/iso")
	if !found {
		rest, found = strings.CutPrefix(path, "/api")
	}
	if !found || method != r.method {
		return "", false
	}
	if !strings.HasSuffix(r.path, "/") {
		return "", rest == r.path
	}
	id, found = strings.CutPrefix(rest, r.path)
	return id, found && id != "" && !strings.Contains(id, "/")
}

// resource authenticates the caller and answers.
func (x *exchange) resource(route resource, id string) {
	app, ok := x.caller()
	if !ok {
		return
	}
	if x.set.CheckAddressOnUse && !x.mayCallFrom(app) {
		x.refused()
		return
	}
	if !app.mayUse(route.needs) {
		x.notAuthorized()
		return
	}
	x.update(func() { x.counts.Resources++ })
	route.answer(x, id)
}

// caller authenticates by bearer token or OAuth 1.0, or answers with a refusal.
func (x *exchange) caller() (Application, bool) {
	header := x.r.Header.Get("Authorization")
	if _, ok := hasScheme(header, "OAuth"); ok || x.r.URL.Query().Has("oauth_consumer_key") {
		return x.signedCaller()
	}
	text, ok := hasScheme(header, "Bearer")
	if !ok {
		// The gateway routes by this header, so the answer is 404 rather than 401.
		x.kongNoRoute()
		return Application{}, false
	}
	var token issued
	x.update(func() { token, ok = x.tokens[text] })
	if !ok {
		x.accessDenied("The JWT string must have two dots")
		return Application{}, false
	}
	if !x.serverTime().Before(token.expiresAt) {
		x.accessDenied("Access token is invalid")
		return Application{}, false
	}
	for _, app := range x.set.Applications {
		if app.ClientID == token.clientID && app.inForce(x.serverTime()) {
			return app, true
		}
	}
	x.accessDenied("Access token has been revoked")
	return Application{}, false
}

// The content of the vault: two devices and two credentials.
type item struct {
	ID       string `json:"id"`
	Hostname string `json:"hostname"`
	Username string `json:"username,omitempty"`
	Password string `json:"password,omitempty"`
}

func (x *exchange) devices(string) {
	x.ok(envelope{Devices: []item{{ID: "1", Hostname: "srv-erp"}, {ID: "2", Hostname: "srv-db"}}})
}

func (x *exchange) device(id string) {
	if id != "1" && id != "2" {
		x.envelopeError(http.StatusBadRequest, 1011, "1011: Device not found", "1011: Dispositivo não encontrado")
		return
	}
	x.ok(envelope{Device: item{ID: id, Hostname: "srv-erp"}})
}

func (x *exchange) credentials(string) {
	x.ok(envelope{Credentials: []item{{ID: "7", Hostname: "srv-erp", Username: "oper"}, {ID: "8", Hostname: "srv-db", Username: "dba"}}})
}

// password reads a password and takes custody, as the real service does.
func (x *exchange) password(id string) {
	if id != "7" && id != "8" {
		x.envelopeError(http.StatusBadRequest, 1007, "1007: Credential not found", "1007: Credencial não encontrada")
		return
	}
	x.update(func() {
		x.counts.PasswordReads++
		x.counts.Custody++
		x.custody[id] = true
	})
	x.ok(envelope{Credential: item{ID: id, Hostname: "srv-erp", Username: "oper", Password: "emulated-password"}})
}

func (x *exchange) release(id string) {
	held := false
	x.update(func() {
		held = x.custody[id]
		delete(x.custody, id)
	})
	if !held {
		x.envelopeError(http.StatusBadRequest, 1018, "1018: No custody of this credential", "1018: Sem custódia desta credencial")
		return
	}
	x.ok(envelope{})
}

// senha is the password endpoint of the legacy module.
func (x *exchange) senha(id string) {
	x.update(func() { x.counts.PasswordReads++ })
	x.ok(envelope{Senha: map[string]string{"username": "oper", "senha": "emulated-password-" + id}})
}

// secrets returns all secrets of the authorization.
func (x *exchange) secrets(string) {
	x.update(func() { x.counts.SecretReads++ })
	x.ok(envelope{Application: map[string]any{
		"name": "loja", "description": "", "tags": []string{}, "system": "erp", "Environment": "production",
		"secrets": []map[string]any{{
			"secret_id": "1", "secret_name": "db", "identity": "db", "version": "1", "expiration_date": nil, "engine": "generic",
			"data": []map[string]any{{"DB_PASSWORD": "emulated-password"}},
		}},
	}})
}
