package senhasegura

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
)

func TestForbiddenProbes(t *testing.T) {
	tests := map[string]bool{
		"/iso/pam/device":                    false,
		"/iso/pam/device/99999":              false,
		"/api/pam/device":                    false,
		"/iso/pam/credential":                false,
		"/api/v2/pam/credentials":            false,
		"/iso/user":                          false,
		"/iso/pam/credential/7":              true,
		"/iso/pam/credential/":               true,
		"/api/pam/credential/7":              true,
		"/API/PAM/CREDENTIAL/7":              true,
		"/api/v2/pam/credentials/7":          true,
		"/x/iso/pam//credential//7":          true,
		"/iso/pam/credential/custody/7":      true,
		"/iso/pam/custody":                   true,
		"/iso/coe/senha/7":                   true,
		"/iso/coe/senha":                     true,
		"/iso/coe/SENHAS":                    true,
		"/iso/dapp/application":              true,
		"/iso/dapp":                          true,
		"/api/v2/pam/password/7":             true,
		"/api/v2/secrets":                    true,
		"/iso/pam/credential/7/password":     true,
		"/pam/iso/pam/credential/7/x/y/z/..": true,
	}
	for path, want := range tests {
		if got := forbiddenProbe(path); got != want {
			t.Errorf("forbiddenProbe(%q) = %v, want %v", path, got, want)
		}
	}
}

func TestRefusedSignatureBlamesTheClock(t *testing.T) {
	tests := []struct {
		ahead time.Duration // the vault's clock
		want  string
	}{
		{61 * time.Second, "clock skew: the clock here is 1m1s behind the vault's"},
		{-90 * time.Minute, "clock skew: the clock here is 1h30m0s ahead of the vault's"},
		{60 * time.Second, "four values"},
		{-60 * time.Second, "four values"},
		{0, "four values"},
	}
	for _, tt := range tests {
		a := answerOf(`{"message":"Invalid signature"}`, "Date", testAt.Add(tt.ahead).Format(http.TimeFormat))
		a.Status = 401
		f := classifyProbe(a, testAt)
		if f == nil || f.Reason != credential.ReasonRejected || !strings.Contains(f.Message, tt.want) {
			t.Errorf("%v ahead: %v, want %q in it", tt.ahead, f, tt.want)
		}
	}
	a := answerOf(`{"message":"Invalid signature"}`)
	a.Status = 401
	if f := classifyProbe(a, testAt); strings.Contains(f.Message, "skew") {
		t.Errorf("without a Date: %v", f)
	}
}

func TestProbeFaultsNameTheCure(t *testing.T) {
	for answer, want := range map[string]string{
		"invalid_request--permission-1039":       "probe_path",
		"invalid_request--no-access-1009-in-200": "accepts the signature",
		"invalid_request--parameter-1001":        "probe_path",
		"invalid_request--parameter-1001-in-200": "probe_path",
		"invalid_request--gateway-404":           "Authorization header",
		"rejected--not-authorized-500":           "does not include the resource",
		"rejected--forbidden-403":                "refuses the probe",
		"rejected--clock-skew-401":               "clock skew",
		"rejected--empty-401":                    "",
		"bad_response--text-200":                 "proxy",
		"rejected--text-403":                     "refuses the probe",
		"invalid_request--protocol-400":          "probe_path",
	} {
		f := classifyProbe(recorded(t, "probe-answers/"+answer), testAt)
		if f == nil || !strings.Contains(f.Message, want) {
			t.Errorf("%s: %v, want %q in it", answer, f, want)
		}
	}
}

// TestProbeReadsTheHeadOnly sends a list that never ends.
func TestProbeReadsTheHeadOnly(t *testing.T) {
	sent := 0
	_, _, err := refresh(t, oauth1Provider(t, ""), "", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if _, err := w.Write([]byte(`{"response":{"status":200,"error":false},"devices":[`)); err != nil {
			return
		}
		for {
			n, err := w.Write([]byte(strings.Repeat(`{"id":"1"},`, 1000)))
			sent += n
			if err != nil || sent > 16<<20 {
				return
			}
		}
	})
	if err != nil {
		t.Errorf("a long list: %v", err)
	}
}
