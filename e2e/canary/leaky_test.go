package canary

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
)

// leakyBackend learns every secret it receives or issues and, when it
// misbehaves, repeats all of them in every part of an answer.
type leakyBackend struct {
	backend   http.Handler
	secretSet *secretSet

	mu   sync.Mutex
	leak leak
}

// leak is one way of repeating secrets.
type leak func(w http.ResponseWriter, r *http.Request, secrets []string)

func (g *leakyBackend) setLeak(l leak) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.leak = l
}

// ServeHTTP implements http.Handler.
func (g *leakyBackend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	for _, name := range []string{"Authorization", "jwt_token", "autenticar_procurador_token", "Ocp-Apim-Subscription-Key", "X-Api-Key"} {
		g.secretSet.shown(r.Header.Get(name))
	}
	g.mu.Lock()
	current := g.leak
	g.mu.Unlock()
	if current != nil {
		current(w, r, g.secretSet.all())
		return
	}
	answer := httptest.NewRecorder()
	g.backend.ServeHTTP(answer, r)
	g.secretSet.answered(answer.Body.String(), answer.Header().Get("Etag"))
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// leaks lists the ways; the last one asks callers to wait.
func leaks() []leak {
	return []leak{
		inJSON(401, `{"error":"invalid_client","error_description":%q,"message":%[1]q,"errorCode":%[1]q,"title":%[1]q,"detail":%[1]q}`),
		inJSON(400, `{"code":%q,"message":%[1]q,"fault":{"code":%[1]q,"message":%[1]q},"mensagens":[{"codigo":%[1]q,"texto":%[1]q}]}`),
		inJSON(200, `{"access_token":{"x":%q},"Token":[%[1]q],"TOKEN":%[1]q,"dados":%[1]q,"expires_in":%[1]q}`),
		inJSON(200, "\x00%s"),
		inJSON(500, "%s"),
		func(w http.ResponseWriter, _ *http.Request, secrets []string) {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprintf(w, "<html><title>%s</title>%s</html>", secrets, secrets)
		},
		func(w http.ResponseWriter, _ *http.Request, secrets []string) {
			line := []byte(strings.Join(secrets, " "))
			for n := 0; n < 12<<20; n += len(line) {
				if _, err := w.Write(line); err != nil {
					return
				}
			}
		},
		func(w http.ResponseWriter, _ *http.Request, secrets []string) {
			w.Header().Set("Location", "http://127.0.0.1:1/"+url.PathEscape(strings.Join(secrets[:min(9, len(secrets))], "/"))+"?token="+url.QueryEscape(secrets[0]))
			w.WriteHeader(http.StatusFound)
		},
		onTheWire(func(secret string) string { return "HTTP/1.1 200 OK\r\n" + secret + " is no header\r\n\r\n" }),
		onTheWire(func(secret string) string { return "HTTP/1.1 2x0 " + secret + "\r\n\r\n" }),
		onTheWire(func(secret string) string { return "HTTP/1.1 200 OK\r\nContent-Length: " + secret + "\r\n\r\n" }),
		onTheWire(func(secret string) string {
			return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n" + secret + "\r\n"
		}),
		onTheWire(func(secret string) string { return secret + "\r\n\r\n" }),
		func(w http.ResponseWriter, _ *http.Request, secrets []string) {
			w.Header().Set("Date", secrets[0])
			w.Header().Set("Retry-After", secrets[0])
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprint(w, secrets)
		},
	}
}

// inJSON repeats everything in a body, in headers and in cookies.
func inJSON(code int, form string) leak {
	return func(w http.ResponseWriter, _ *http.Request, secrets []string) {
		w.Header().Set("Content-Type", "application/json")
		for i, secret := range secrets {
			clean := strings.Map(func(r rune) rune {
				if r < ' ' || r > '~' {
					return -1
				}
				return r
			}, secret)
			w.Header().Add("X-Leak", clean)
			w.Header().Add("Set-Cookie", fmt.Sprintf("s%d=%s", i, url.QueryEscape(secret)))
			w.Header().Set("WWW-Authenticate", "Basic realm="+clean)
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, form, strings.Join(secrets, " "))
	}
}

// onTheWire writes invalid HTTP, one secret after another.
func onTheWire(form func(secret string) string) leak {
	var mu sync.Mutex
	turn := 0
	return func(w http.ResponseWriter, _ *http.Request, secrets []string) {
		mu.Lock()
		secret := secrets[turn%len(secrets)]
		turn++
		mu.Unlock()
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, form(secret))
	}
}
