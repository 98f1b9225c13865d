package control

import (
	"context"
	"net/http"

	"go.uber.org/zap"

	"github.com/vigented/vigente/credential"
)

// complainer is a backend that keeps the stderr of commands.
type complainer interface {
	Stderr(ctx context.Context, name string) (credential.Secret, error)
}

// stderr shows what the command of a credential last wrote to stderr. It may contain
// anything, so only root and the daemon's own user may read it.
func (h handler) stderr(w http.ResponseWriter, r *http.Request) {
	var ask showRequest
	if !peerOf(r.Context()).owner {
		refuse(w, Problem{Code: CodeDenied, Message: "this needs root or the daemon's user (use sudo)"})
		return
	}
	from, ok := h.backend.(complainer)
	if !decode(w, r, &ask) || !h.exists(w, ask.Name) {
		return
	}
	if !ok {
		refuse(w, Problem{Code: CodeBadRequest, Message: "this daemon keeps no output of commands"})
		return
	}
	h.audit(r, "output of a command shown", zap.String("credential", ask.Name))
	value, err := from.Stderr(r.Context(), ask.Name)
	answerValue(w, value, err)
}

// Stderr returns what the command of a credential last wrote to stderr.
func (c *Client) Stderr(ctx context.Context, name string) (credential.Secret, error) {
	return c.value(ctx, pathStderr, showRequest{Name: name})
}
