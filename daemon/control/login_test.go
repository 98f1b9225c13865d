package control

import (
	"errors"
	"testing"

	"github.com/vigented/vigente/credential"
)

func TestALoginIsPassedOn(t *testing.T) {
	backend := &fakeBackend{view: fleet()}
	client := start(t, backend)
	in, err := client.Invite(t.Context(), "loja", "http://127.0.0.1:1/")
	if err != nil || in.Address == "" || backend.asked != "invite loja http://127.0.0.1:1/" {
		t.Errorf("invited to %+v, %v, asked %q", in, err, backend.asked)
	}
	if err := client.Redeem(t.Context(), "loja", in, credential.NewSecret("back")); err != nil || backend.asked != "redeem loja s back" {
		t.Errorf("%v, asked %q", err, backend.asked)
	}
	if err := client.Import(t.Context(), "loja", credential.NewSecret("seed")); err != nil || backend.asked != "import loja seed" {
		t.Errorf("%v, asked %q", err, backend.asked)
	}
}

func TestARefusedLoginIsAProblem(t *testing.T) {
	for code, refusal := range map[Code]error{
		CodeFailed: &credential.Fault{Reason: credential.ReasonRejected, Message: "refused"},
		CodeMisuse: &MisuseError{errors.New("needs no login")},
	} {
		client := start(t, &fakeBackend{view: fleet(), valueErr: refusal})
		_, err := client.Invite(t.Context(), "loja", "")
		for _, err := range []error{
			err, client.Redeem(t.Context(), "loja", credential.Invitation{}, credential.Secret{}), client.Import(t.Context(), "loja", credential.Secret{}),
		} {
			if p, ok := errors.AsType[*Problem](err); !ok || p.Code != code || p.Message != refusal.Error() {
				t.Errorf("got %v, want %s", err, code)
			}
		}
	}
	client := start(t, &fakeBackend{view: fleet()})
	_, err := client.Invite(t.Context(), "nada", "")
	if p, ok := errors.AsType[*Problem](err); !ok || p.Code != CodeUnknown {
		t.Errorf("got %v for an unknown name", err)
	}
}
