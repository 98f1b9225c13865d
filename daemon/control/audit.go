package control

import (
	"net/http"
	"os/user"
	"strconv"
	"strings"

	"go.uber.org/zap"
)

// mostNames bounds how many names one line of the log lists.
const mostNames = 20

// audit logs that somebody asked for something that shows a value or changes
// something.
func (h handler) audit(r *http.Request, message string, fields ...zap.Field) {
	h.log.Info(message, append(fields, caller(peerOf(r.Context()))...)...)
}

// auditWarning is audit for what sets a bound aside.
func (h handler) auditWarning(r *http.Request, message string, fields ...zap.Field) {
	h.log.Warn(message, append(fields, caller(peerOf(r.Context()))...)...)
}

// caller says who is at the other end.
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

// credentials names what a request is about.
func credentials(names []string) zap.Field {
	text := strings.Join(names[:min(mostNames, len(names))], " ")
	if more := len(names) - mostNames; more > 0 {
		text += " and " + strconv.Itoa(more) + " more"
	}
	return zap.String("credential", text)
}
