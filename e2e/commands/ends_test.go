package commands

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/certtest"
)

// TestTheListenersCertificateEnds: everything that tells of limits tells of the
// listener's certificate, and takes up a renewed one.
func TestTheListenersCertificateEnds(t *testing.T) {
	w := e2etest.NewWorld(t, "web_config = \"{dir}/web.yml\"\n")
	e2etest.Must(t, os.Mkdir(w.Path("state"), 0o700))
	issue := func(life time.Duration) time.Time {
		cert := certtest.Issue(t, &x509.Certificate{
			NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(life), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}, nil)
		w.Write("web.key.new", string(certtest.KeyPEM(t, cert)))
		w.Write("web.crt.new", string(certtest.CertificatePEM(cert)))
		e2etest.Must(t, os.Rename(w.Path("web.key.new"), w.Path("web.key")), os.Rename(w.Path("web.crt.new"), w.Path("web.crt")))
		return cert.Leaf.NotAfter
	}
	w.Write("web.yml", "tls_server_config: {cert_file: web.crt, key_file: web.key}\n")
	issue(-time.Hour)
	for _, command := range []string{"check", "doctor"} {
		if code, out, errs := w.Run(command); code == 0 || !strings.Contains(out+errs, "web.crt expired at ") {
			t.Errorf("%s of an expired certificate: exit code %d\n%s%s", command, code, out, errs)
		}
	}
	w.Launch()
	limits := func() (told []struct {
		Kind   string    `json:"kind"`
		EndsAt time.Time `json:"ends_at"`
	},
	) {
		var doc struct{ Limits json.RawMessage }
		_, out, _ := w.Run("status", "--json")
		if json.Unmarshal([]byte(out), &doc) == nil {
			_ = json.Unmarshal(doc.Limits, &told)
		}
		return told
	}
	w.Eventually("the expired certificate is a limit", func() bool {
		l := limits()
		return len(l) == 1 && l[0].Kind == "certificate" && l[0].EndsAt.Before(time.Now())
	})
	ends := issue(50 * time.Hour)
	w.Eventually("the renewed certificate is taken up", func() bool {
		l := limits()
		return len(l) == 1 && l[0].EndsAt.Equal(ends)
	})
	for _, command := range []string{"check", "doctor"} {
		if code, out, errs := w.Run(command); code != 0 || !strings.Contains(out+errs, "web.crt expires at ") {
			t.Errorf("%s of a certificate that expires soon: exit code %d\n%s%s", command, code, out, errs)
		}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // the certificate is not the subject
	defer client.CloseIdleConnections()
	answer, err := client.Get("https://" + w.Listen + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	e2etest.Must(t, err, answer.Body.Close())
	if want := `vigente_listener_limit_timestamp_seconds{kind="certificate"} `; !strings.Contains(string(body), want) {
		t.Errorf("the metrics have no %s", want)
	}
}
