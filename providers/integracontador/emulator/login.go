package emulator

import (
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// login is POST /authenticate.
func (x *exchange) login() {
	if x.r.Method != http.MethodPost {
		x.loginError(http.StatusMethodNotAllowed, "Method Not Allowed", "Request method not supported")
		return
	}
	if media, _, _ := mime.ParseMediaType(x.r.Header.Get("Content-Type")); media != "application/x-www-form-urlencoded" {
		x.loginError(http.StatusUnsupportedMediaType, "Unsupported Media Type", "Content type not supported")
		return
	}
	holder, shown := "", x.r.TLS != nil && len(x.r.TLS.PeerCertificates) > 0
	if shown {
		holder = numberOf(x.r.TLS.PeerCertificates[0])
	}
	if !shown && (x.r.TLS != nil && !x.set.WithoutCertificate || x.set.RequireCertificate) || shown && len(holder) != 14 {
		x.noCertificate()
		return
	}
	key, known := x.key()
	form, err := url.ParseQuery(string(x.body))
	switch {
	case !known || x.r.Header.Get("Role-Type") != "TERCEIROS":
		x.loginError(http.StatusUnauthorized, "Unauthorized", "Credenciais inválidas.")
		return
	case err != nil || form.Get("grant_type") != "client_credentials":
		x.loginError(http.StatusBadRequest, "Bad Request", "grant_type")
		return
	}
	x.pair(key, holder)
}

// key returns the contract that the Basic header belongs to.
func (x *exchange) key() (Key, bool) {
	scheme, text, _ := strings.Cut(x.r.Header.Get("Authorization"), " ")
	decoded, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !strings.EqualFold(scheme, "Basic") {
		return Key{}, false
	}
	for _, k := range x.set.Keys {
		if string(decoded) == k.ConsumerKey+":"+k.ConsumerSecret {
			return k, true
		}
	}
	return Key{}, false
}

// pair answers with the pair in force, or a new one.
func (x *exchange) pair(key Key, holder string) {
	contratante := holder
	if contratante == "" {
		contratante = key.Contratante
	}
	var out session
	x.update(func() {
		p := x.living[key.ConsumerKey]
		if p == nil || x.set.AlwaysNew || !p.expiresAt.After(x.at) || p.contratante != contratante {
			p = &session{key: key, contratante: contratante, access: uuid(), jwt: jwt(contratante), expiresAt: x.at.Add(x.set.pairLife())}
			x.living[key.ConsumerKey], x.sessions[p.access] = p, p
			x.counts.Sessions++
		} else if x.set.NewJWT {
			p.jwt = jwt(contratante)
		}
		out = *p
	})
	seconds := strconv.Itoa(int(out.expiresAt.Sub(x.at) / time.Second))
	switch {
	case x.fault == "expires-in-short":
		seconds = "45"
	case x.fault == "expires-in-zero":
		seconds = "0"
	}
	if x.set.ExpiresInText {
		seconds = `"` + seconds + `"`
	}
	answer := map[string]any{
		"access_token": out.access, "jwt_token": out.jwt, "jwt_pucomex": nil, "expires_in": json.RawMessage(seconds),
		"scope": "am_application_scope default", "token_type": "Bearer",
	}
	switch x.fault {
	case "no-jwt":
		delete(answer, "jwt_token")
	case "no-expires-in":
		delete(answer, "expires_in")
	}
	x.json(http.StatusOK, answer)
}

// noCertificate is the server's answer when the handshake itself succeeded.
func (x *exchange) noCertificate() {
	x.loginError(http.StatusBadRequest, "Bad Request", "Não foi possível identificar um certificado digital válido.")
}

func (x *exchange) loginError(status int, name, message string) {
	x.json(status, map[string]any{
		"timestamp": x.at.In(brasilia).Format("2006-01-02 15:04:05"), "status": status, "error": name,
		"message": message, "details": []string{}, "trackerId": "jvBQVbAq", "path": "/authenticate",
	})
}

// numberOf returns the CPF or CNPJ in a certificate's common name, NAME:NUMBER,
// or in its ICP-Brasil field.
func numberOf(cert *x509.Certificate) string {
	if n := otherName(cert, oidCNPJ); len(n) == 14 {
		return n
	}
	if n := otherName(cert, oidCPF); len(n) >= 19 {
		return n[8:19]
	}
	_, n, _ := strings.Cut(cert.Subject.CommonName, ":")
	return n
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// jwt returns a token in the form of a JWT. Only this server reads it.
func jwt(subject string) string {
	part := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	return part(map[string]string{"alg": "RS256"}) + "." + part(map[string]string{"sub": subject, "jti": uuid()}) + "." + rand.Text()
}
