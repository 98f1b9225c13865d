// Package control is the daemon's control socket and its client.
//
// The socket speaks HTTP with JSON. Whoever can connect may look; values and
// changes are for root, the daemon's own user and the members of the socket's
// group; in a folder that another user rules over the group does not count,
// since that user could have chosen it. Requests are passed on to the daemon: the package decides nothing but
// who may ask. What it shows holds no secret, but for the answers to show and
// sign, which exist to hand one out.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/web"
)

// ErrUnknown is wrapped by a Backend's error about something that was asked for
// by a name that does not exist, such as a field.
var ErrUnknown = errors.New("unknown")

// MisuseError is a Backend's error about a request that can never be met, such
// as signing with a credential that signs nothing.
type MisuseError struct{ Err error }

// Error returns the cause.
func (e *MisuseError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *MisuseError) Unwrap() error { return e.Err }

// Backend is the daemon, as far as the socket needs it.
type Backend interface {
	View(ctx context.Context) (engine.View, error)
	ConfigStatus() (hash string, loadedAt time.Time, lastError string)
	// Await returns when the condition holds for the state.
	Await(ctx context.Context, holds func(engine.View) bool) error
	// Renew renews the named credentials, which exist, waits for their delivery
	// and tells each end, from one goroutine.
	Renew(ctx context.Context, names []string, tell func(engine.RenewResult)) error
	// Reload returns an error with one reason a line when the configuration
	// that runs was kept.
	Reload(ctx context.Context) error
	// Plan tells what Reload would do if the configuration were this one, its
	// main file first.
	Plan(ctx context.Context, sources []Source) (Difference, error)
	// Show returns a field of a credential that exists; the first field of its
	// kind for the empty name. It wraps ErrUnknown for a field that is none.
	Show(ctx context.Context, name, field string) (credential.Secret, error)
	// Sign returns the Authorization header of one request, signed with a
	// credential that exists. It returns a *MisuseError when the
	// credential signs nothing, or not such a request.
	Sign(ctx context.Context, name, method, url string, form map[string][]string) (credential.Secret, error)
}

// Bounds of one request.
const (
	viewTimeout = 5 * time.Second
	maxPlan     = 64 << 20 // the configuration of a large fleet; of trusted peers only
)

// Serve answers requests until ctx ends. It owns the listener, which comes from
// Listen, and returns when nothing of it is left.
func Serve(ctx context.Context, ln net.Listener, backend Backend, log *zap.Logger) error {
	return web.Run(ctx, ln, &http.Server{ //nolint:gosec // Run bounds the time for headers
		Handler: newHandler(backend), ConnContext: peers(ln.Addr().String()), ErrorLog: zap.NewStdLog(web.Complaints(log)),
	}, bounds())
}

type handler struct{ backend Backend }

func newHandler(backend Backend) http.Handler {
	h := handler{backend}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathView, h.view)
	mux.HandleFunc("POST "+pathWait, h.wait)
	mux.HandleFunc("POST "+pathRenew, trusted(h.renew))
	mux.HandleFunc("POST "+pathReload, trusted(h.reload))
	mux.HandleFunc("POST "+pathPlan, trusted(h.plan))
	mux.HandleFunc("POST "+pathShow, trusted(h.show))
	mux.HandleFunc("POST "+pathSign, trusted(h.sign))
	return mux
}

// trusted refuses peers that may only look.
func trusted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !peerOf(r.Context()).trusted {
			refuse(w, Problem{Code: CodeDenied, Message: "this needs root, the daemon's user or a member of the socket's group (use sudo, or become a member and log in again)"})
			return
		}
		next(w, r)
	}
}

// look returns what the request's names select; it has answered when it
// reports false.
func (h handler) look(w http.ResponseWriter, r *http.Request, names []string) (engine.View, bool) {
	ctx, cancel := context.WithTimeout(r.Context(), viewTimeout)
	defer cancel()
	all, err := h.backend.View(ctx)
	if err != nil {
		refuse(w, Problem{Code: CodeSilent, Message: "the daemon does not answer; it is starting, stopping or stuck"})
		return engine.View{}, false
	}
	v, unknown := web.Select(all, names)
	if len(unknown) > 0 {
		refuse(w, unknownNames(unknown))
		return engine.View{}, false
	}
	return v, true
}

func (h handler) view(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	v, ok := h.look(w, r, query["name"])
	if !ok {
		return
	}
	if !query.Has("history") {
		v.Credentials = withoutHistory(v.Credentials)
	}
	hash, loadedAt, lastError := h.backend.ConfigStatus()
	answer(w, Snapshot{View: v, Config: web.Config{Hash: hash, LoadedAt: loadedAt, LastError: lastError}})
}

// withoutHistory keeps the answer for a large fleet small. The view is shared
// and stays as it is.
func withoutHistory(credentials []engine.CredentialView) []engine.CredentialView {
	short := make([]engine.CredentialView, len(credentials))
	for i, c := range credentials {
		c.History = nil
		short[i] = c
	}
	return short
}

// wait answers when everything named is in force and delivered, or when a name
// is gone. The client ends the wait by going away.
func (h handler) wait(w http.ResponseWriter, r *http.Request) {
	var ask waitRequest
	if !decode(w, r, &ask) {
		return
	}
	if _, ok := h.look(w, r, ask.Names); !ok {
		return
	}
	var gone []string
	err := h.backend.Await(r.Context(), func(v engine.View) bool {
		var kept engine.View
		kept, gone = web.Select(v, ask.Names)
		return len(gone) > 0 || web.Judge(kept).Ready
	})
	switch {
	case err != nil:
		refuse(w, Problem{Code: CodeSilent, Message: "the daemon stopped"})
	case len(gone) > 0:
		refuse(w, unknownNames(gone))
	default:
		answer(w, struct{}{})
	}
}

func (h handler) reload(w http.ResponseWriter, r *http.Request) {
	if err := h.backend.Reload(r.Context()); err != nil {
		refuse(w, Problem{Code: CodeFailed, Message: err.Error()})
		return
	}
	answer(w, struct{}{})
}

func (h handler) plan(w http.ResponseWriter, r *http.Request) {
	var ask planRequest
	if !decodeUpTo(maxPlan, w, r, &ask) {
		return
	}
	if len(ask.Sources) == 0 {
		refuse(w, Problem{Code: CodeBadRequest, Message: "there is no file to plan"})
		return
	}
	difference, err := h.backend.Plan(r.Context(), ask.Sources)
	if err != nil {
		refuse(w, Problem{Code: CodeSilent, Message: "the daemon is stopping"})
		return
	}
	answer(w, difference)
}

func (h handler) show(w http.ResponseWriter, r *http.Request) {
	var ask showRequest
	if decode(w, r, &ask) && h.exists(w, r, ask.Name) {
		value, err := h.backend.Show(r.Context(), ask.Name, ask.Field)
		answerValue(w, value, err)
	}
}

func (h handler) sign(w http.ResponseWriter, r *http.Request) {
	var ask signRequest
	if decode(w, r, &ask) && h.exists(w, r, ask.Name) {
		value, err := h.backend.Sign(r.Context(), ask.Name, ask.Method, ask.URL, ask.Form)
		answerValue(w, value, err)
	}
}

// exists reports whether a credential has the name; it has answered when not.
func (h handler) exists(w http.ResponseWriter, r *http.Request, name string) bool {
	v, ok := h.look(w, r, []string{name})
	if ok && len(v.Credentials) == 0 { // a sink has the name
		refuse(w, unknownNames([]string{name}))
		return false
	}
	return ok
}

func answerValue(w http.ResponseWriter, value credential.Secret, err error) {
	_, misuse := errors.AsType[*MisuseError](err)
	switch {
	case errors.Is(err, ErrUnknown):
		refuse(w, Problem{Code: CodeUnknown, Message: err.Error()})
	case misuse:
		refuse(w, Problem{Code: CodeMisuse, Message: err.Error()})
	case err != nil:
		refuse(w, Problem{Code: CodeFailed, Message: err.Error()})
	default:
		// The one place where a value leaves through the socket.
		answer(w, valueAnswer{value.Reveal()})
	}
}

// decode reads the request's document; it has answered when it reports false.
func decode(w http.ResponseWriter, r *http.Request, document any) bool {
	return decodeUpTo(web.MaxBody, w, r, document)
}

func decodeUpTo(limit int64, w http.ResponseWriter, r *http.Request, document any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit)).Decode(document)
	// The time within which a request must have arrived is over for this one;
	// what follows may take long.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	if err != nil {
		refuse(w, Problem{Code: CodeBadRequest, Message: "the request cannot be read"})
		return false
	}
	return true
}

// answer sends one document. A client that is gone is nobody's fault.
func answer(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document)
}

func refuse(w http.ResponseWriter, p Problem) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.httpStatus())
	_ = json.NewEncoder(w).Encode(p)
}
