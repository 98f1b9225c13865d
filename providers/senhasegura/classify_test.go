package senhasegura

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/providertest"
)

// recorded reads one recorded answer.
func recorded(t testing.TB, name string) *exchange.Answer {
	t.Helper()
	return providertest.Recorded(t, "testdata/"+name+".http", testAt)
}

func TestFaultsNameTheCure(t *testing.T) {
	tests := []struct{ answer, code, message string }{
		{"rejected--invalid-client-league6", "invalid_client", "IP list"},
		{"rejected--invalid-client-league8", "invalid_client", "client_id and client_secret"},
		{"rejected--invalid-client-league9", "invalid_client", "enabled"},
		{"rejected--client-in-envelope-200", "", "the authorization has not expired"},
		{"rejected--only-portuguese-200", "", "client_id and client_secret"},
		{"rejected--access-denied", "access_denied", "IP list"},
		{"rejected--unauthorized-client", "unauthorized_client", "OAuth 2.0 application"},
		{"rejected--not-authorized-500-envelope", "", "authorization's resources"},
		{"rejected--forbidden-403", "", "(403)"},
		{"rejected--invalid-signature-401", "", "(401)"},
		{"invalid_request--unsupported-grant-league8", "unsupported_grant_type", "token_path"},
		{"invalid_request--client-id-league9", "invalid_request", "auth_style"},
		{"invalid_request--scope", "invalid_scope", "scope"},
		{"invalid_request--gateway-404", "", "/api/oauth2/token"},
		{"invalid_request--envelope-error-200", "1039", "token_path"},
		{"invalid_request--unknown-code", "", "does not accept the request"},
		{"rejected--empty-401", "", "(401)"},
		{"network--proxy-407", "", "proxy"},
		{"bad_response--firewall-page-403", "", "HTML page"},
		{"server--server-error", "server_error", "automatically"},
	}
	for _, tt := range tests {
		t.Run(tt.answer, func(t *testing.T) {
			f := classifyToken(recorded(t, "answers/"+tt.answer))
			if f == nil {
				t.Fatal("no fault")
			}
			if f.Code != tt.code || !strings.Contains(f.Message, tt.message) {
				t.Errorf("code %q, message %q, want %q and %q in it", f.Code, f.Message, tt.code, tt.message)
			}
		})
	}
}

// TestOnlyARefusalParks goes over every page and every unknown body under every
// status: without a page a 401 and a 403 park, and nothing else.
func TestOnlyARefusalParks(t *testing.T) {
	bodies := map[string]string{
		"page":         "<html><body>You are not authorized to access this resource. Client authentication failed</body></html>",
		"empty":        "",
		"text":         "Client authentication failed",
		"other JSON":   `{"status":"captive","login":"https://portal.example"}`,
		"array":        `["Client authentication failed"]`,
		"number":       `401`,
		"broken JSON":  `{"error`,
		"error number": `{"error":401}`,
	}
	for status := 200; status < 600; status++ {
		for name, body := range bodies {
			for _, kind := range []string{"text/html", "application/json", ""} {
				a := answerOf(body, "Content-Type", kind)
				a.Status = status
				f := classifyToken(a)
				parks := f != nil && f.Reason == credential.ReasonRejected
				if want := (status == 401 || status == 403) && !a.HTML(); parks != want {
					t.Errorf("%d with %s as %q: parks %v, want %v", status, name, kind, parks, want)
				}
			}
		}
	}
}

func TestClassifyIsPure(t *testing.T) {
	a := recorded(t, "answers/throttled--reset")
	before := bytes.Clone(a.Body)
	first, second := classifyToken(a), classifyToken(a)
	if !reflect.DeepEqual(first, second) || !bytes.Equal(before, a.Body) {
		t.Error("the same answer is classified in two ways")
	}
}
