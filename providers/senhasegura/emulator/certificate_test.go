package emulator

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCertificateShapesAtTheHandshake(t *testing.T) {
	wants := map[Shape]string{
		Sound:      "",
		SelfSigned: "",
		Outdated:   "expired or is not yet valid",
		TooEarly:   "expired or is not yet valid",
		WrongName:  "cannot validate certificate for 127.0.0.1",
		RSA1024:    "",
		RSA512:     "512-bit keys are insecure",
	}
	for _, shape := range Shapes {
		t.Run(string(shape), func(t *testing.T) {
			id, err := Certificate(shape, "127.0.0.1", "vault.example")
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewUnstartedServer(http.NotFoundHandler())
			server.TLS = &tls.Config{Certificates: []tls.Certificate{id.Certificate}, MaxVersion: id.MaxVersion()}
			server.Config.ErrorLog = quiet()
			server.StartTLS()
			defer server.Close()

			roots := x509.NewCertPool()
			if !roots.AppendCertsFromPEM(id.RootPEM) {
				t.Fatal("the root is no PEM certificate")
			}
			conn, err := tls.Dial("tcp", server.Listener.Addr().String(), &tls.Config{RootCAs: roots})
			if err == nil {
				_ = conn.Close()
			}
			if want := wants[shape]; (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
				t.Errorf("handshake: %v, want %q", err, want)
			}
			if conn, err := tls.Dial("tcp", server.Listener.Addr().String(), nil); err == nil {
				_ = conn.Close()
				t.Error("trusted without its root")
			} else if _, ok := errors.AsType[*net.OpError](err); ok {
				t.Errorf("handshake without its root: %v", err)
			}
		})
	}
}

// quiet discards the server's errors about handshakes that are meant to fail.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
