package arqged

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// operation is one of the two calls.
type operation string

// The operations, named by the last element of their paths.
const (
	loggingIn  operation = "Login"
	refreshing operation = "RefreshToken"
)

// loginRequest is the body of Login. tempoExpiracao is always explicit: the
// expiry is computed from it if the date in the answer cannot be parsed.
// aplicacao has no documented meaning and is sent only if configured.
func (s *source) loginRequest() map[string]any {
	body := map[string]any{
		"username":        s.username.Reveal(),
		"password":        s.password.Reveal(),
		"tempoExpiracao":  s.minutes,
		"utilizacaoUnica": s.single,
	}
	if s.asString {
		// The manual capitalises the values.
		body["utilizacaoUnica"] = "False"
		if s.single {
			body["utilizacaoUnica"] = "True"
		}
	}
	if s.aplicacao != "" {
		body["aplicacao"] = s.aplicacao
	}
	return body
}

// refreshRequest is the body of RefreshToken.
func (s *source) refreshRequest(seed seed) map[string]any {
	return map[string]any{
		"idUsuario":    seed.userID.Reveal(),
		"username":     s.username.Reveal(),
		"refreshToken": seed.token.Reveal(),
	}
}

func (s *source) request(ctx context.Context, op operation, body map[string]any) (*http.Request, *credential.Fault) {
	data, err := json.Marshal(body)
	if err != nil {
		return nil, exchange.BrokenRequest(err)
	}
	target := strings.TrimRight(s.base.String(), "/") + "/api/Autenticacao/" + string(op)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(data))
	if err != nil {
		return nil, exchange.BrokenRequest(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	return req, nil
}
