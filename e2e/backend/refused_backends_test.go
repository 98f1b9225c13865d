package backend

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/certtest"
)

// basicPassword returns the password in a Basic Authorization header.
func basicPassword(r *http.Request) string {
	_, password, _ := r.BasicAuth()
	return password
}

var consumerKey = regexp.MustCompile(`oauth_consumer_key="([^"]*)"`)

// subjects returns a credential of every kind that has a secret.
func subjects(t testing.TB) []*e2etest.Subject {
	t.Helper()
	body := func(r *http.Request) map[string]any {
		var o map[string]any
		_ = json.NewDecoder(r.Body).Decode(&o)
		return o
	}
	session := says(200, `{"expires_in":3600,"token_type":"Bearer","access_token":"session-1","jwt_token":"jwt-1"}`)
	list := []*e2etest.Subject{
		{Name: "tss", File: "tss.password", Backend: &e2etest.Refuser{
			Shown: basicPassword, Grant: says(200, `{"TOKEN":"`+strings.Repeat("0a", 20)+`"}`),
			Deny: says(401, `{"code":401,"message":"`+serverWords+`"}`),
		}},
		{Name: "oauth2", File: "client.secret", Backend: &e2etest.Refuser{
			Shown: basicPassword, Grant: says(200, `{"token_type":"Bearer","expires_in":3600,"access_token":"x"}`),
			Deny: says(401, `{"error":"invalid_client","error_description":"`+serverWords+`"}`),
		}},
		{Name: "oauth1", File: "consumer.key", Backend: &e2etest.Refuser{
			Shown: func(r *http.Request) string {
				if m := consumerKey.FindStringSubmatch(r.Header.Get("Authorization")); m != nil {
					return m[1]
				}
				return ""
			},
			Grant: says(200, `{"response":{"status":200,"error":false},"devices":[]}`),
			Deny:  says(401, `{"response":{"status":401,"error":true,"message":"`+serverWords+`"}}`),
		}},
		{Name: "arqged", File: "arqged.password", Backend: &e2etest.Refuser{
			Shown: func(r *http.Request) string { return fmt.Sprint(body(r)["password"]) },
			Grant: says(201, `{"IdUsuario":"3f","Login":"u","Token":"opaque"}`),
			Deny:  says(401, `{"Mensagem":"`+serverWords+`"}`),
		}},
		{Name: "session", File: "consumer.secret", Backend: &e2etest.Refuser{
			Shown: basicPassword, Grant: session,
			Deny: says(401, `{"status":401,"message":"`+serverWords+`"}`),
		}},
		{Name: "procurador", File: "author.pem", Backend: &e2etest.Refuser{
			Shown: func(r *http.Request) string {
				parts, _ := body(r)["pedidoDados"].(map[string]any)
				var carried struct{ XML []byte }
				_ = json.Unmarshal([]byte(fmt.Sprint(parts["dados"])), &carried)
				_, rest, _ := strings.Cut(string(carried.XML), "<X509Certificate>")
				certificate, _, _ := strings.Cut(rest, "<")
				return certificate
			},
			Grant: says(200, `{"dados":"{\"autenticar_procurador_token\":\"b06f\",\"data_hora_expiracao\":\"`+time.Now().Add(24*time.Hour).Format("2006-01-02T15:04:05")+`\"}","mensagens":[{"codigo":"[Sucesso-AUTENTICAPROCURADOR]","texto":""}]}`),
			Deny:  says(403, `{"dados":null,"mensagens":[{"codigo":"[AcessoNegado-AUTENTICAPROCURADOR-037]","texto":"`+serverWords+`"}]}`),
		}},
	}
	for _, s := range list {
		s.Wrong, s.Other, s.Right = "canary-"+s.Name+"-wrong", "canary-"+s.Name+"-other", "canary-"+s.Name+"-right"
		if s.Name == "procurador" {
			s.Wrong, s.Other, s.Right = ownCertificate(t), ownCertificate(t), ownCertificate(t)
		}
		s.Backend.Good = s.SecretOf(s.Right)
	}
	return list
}

// refusedTables returns the configuration of all of them. The session that the
// procurador token is derived from works.
func refusedTables(t testing.TB, list []*e2etest.Subject) string {
	t.Helper()
	url := map[string]string{}
	for _, s := range list {
		url[s.Name] = e2etest.Serve(t, s.Backend)
	}
	works := e2etest.Serve(t, says(200, `{"expires_in":3600,"token_type":"Bearer","access_token":"session-1","jwt_token":"jwt-1"}`))
	const serpro = "type = \"integra-contador\"\nconsumer_key = \"key\"\ncertificate = { file = \"{dir}/own.pem\" }\ncontratante = { numero = \"53113791000122\", nome = \"ESCRITORIO\" }\n"
	return "[renewal]\nmin_interval = \"300ms\"\ntimeout = \"5s\"\n" +
		"[providers.tss]\ntype = \"tss\"\nurl = \"" + url["tss"] + "/rest/RestNewToken\"\nusername = \"u\"\npassword = { file = \"tss.password\" }\n" +
		"[credentials.tss]\nprovider = \"tss\"\ncnpj = \"53113791000122\"\nuf = \"SP\"\n" +
		"[providers.oauth2]\ntype = \"senhasegura\"\nurl = \"" + url["oauth2"] + "\"\nclient_id = \"id\"\nclient_secret = { file = \"client.secret\" }\n" +
		"[credentials.oauth2]\nprovider = \"oauth2\"\n" +
		"[providers.oauth1]\ntype = \"senhasegura\"\nauth = \"oauth1\"\nurl = \"" + url["oauth1"] + "\"\nconsumer_key = { file = \"consumer.key\" }\n" +
		"consumer_secret = { env = \"OTHERS\" }\ntoken_key = \"k\"\ntoken_secret = { env = \"OTHERS\" }\n" +
		"[credentials.oauth1]\nprovider = \"oauth1\"\n" +
		"[providers.arqged]\ntype = \"arqged\"\nurl = \"" + url["arqged"] + "\"\nusername = { env = \"OTHERS\" }\npassword = { file = \"arqged.password\" }\n" +
		"[credentials.arqged]\nprovider = \"arqged\"\n" +
		"[providers.serpro]\n" + serpro + "auth_url = \"" + url["session"] + "/authenticate\"\napi_url = \"" + url["session"] + "\"\nconsumer_secret = { file = \"consumer.secret\" }\n" +
		"[credentials.session]\nprovider = \"serpro\"\n" +
		"[providers.works]\n" + serpro + "auth_url = \"" + works + "/authenticate\"\napi_url = \"" + url["procurador"] + "\"\nconsumer_secret = { env = \"OTHERS\" }\n" +
		"[credentials.works]\nprovider = \"works\"\n" +
		"[credentials.procurador]\nprovider = \"works\"\nsession = \"works\"\nauthor = { numero = \"11222333000181\", nome = \"CLIENTE\", certificate = { file = \"author.pem\" } }\n"
}

// ownCertificate returns a certificate with its key in PEM.
func ownCertificate(t testing.TB) string {
	t.Helper()
	return string(certtest.PEM(t, certtest.IssueRSA(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: "own"}, NotAfter: time.Now().Add(100 * 24 * time.Hour),
	}, nil)))
}
