package control

import (
	"net/http"
	"os/user"
	"strconv"
	"strings"

	"go.uber.org/zap"
)

// mostNames limits the names in one log line.
const mostNames = 20

// audit logs a request that shows a value or changes something.
func (h handler) audit(r *http.Request, message string, fields ...zap.Field) {
	h.log.Info(message, append(fields, caller(peerOf(r.Context()))...)...)
}

// auditWarning is audit for requests that override a limit.
func (h handler) auditWarning(r *http.Request, message string, fields ...zap.Field) {
	h.log.Warn(message, append(fields, caller(peerOf(r.Context()))...)...)
}

// caller returns the log fields that identify the peer.
func caller(who peer) []zap.Field {
	if !who.known {
		return []zap.Field{zap.String("user", "unknown")}
	}
	name := ""
	if u, err := user.LookupId(strconv.FormatUint(uint64(who.uid), 10)); err == nil {
		name = u.Username
	}
	return []zap.Field{zap.Uint32("uid", who.uid), zap.String("user", name), zap.Int32("pid", who.pid)}
}

// credentials returns the log field with the names in a request.
func credentials(names []string) zap.Field {
	text := strings.Join(names[:min(mostNames, len(names))], " ")
	if more := len(names) - mostNames; more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return zap.String("credential", text)
}
