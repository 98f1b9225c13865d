// Package control is the daemon's control socket and its client.
//
// The socket speaks HTTP with JSON. Any user who can connect may read the status.
// Values and changes are for root, the daemon's own user and members of the socket's
// group. If another user can write to the socket's directory, group membership
// is ignored: that user could have chosen the group. The
// package decides only who may ask, logs the callers, and passes requests on to the
// daemon. Its answers contain no secrets, except those to show and sign.
package control

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/cluster"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
	"github.com/vigented/vigente/daemon/web"
)

// ErrUnknown is wrapped by a Backend's error about a name that does not exist, such
// as that of a field.
var ErrUnknown = errors.New("unknown")

// MisuseError is a Backend's error about a request that can never succeed, such as
// signing with a credential that cannot sign.
type MisuseError struct{ Err error }

// Error returns the cause.
func (e *MisuseError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *MisuseError) Unwrap() error { return e.Err }

// Backend is what the socket needs of the daemon. Once a method has returned, its
// result is visible in every later answer.
type Backend interface {
	// Alive reports whether the engine makes progress. Select does not block.
	Alive() bool
	Select(q engine.Query) engine.View
	Config() view.Config
	// Await returns when the condition holds for the selection.
	Await(ctx context.Context, q engine.Query, holds func(engine.View) bool) error
	// Renew renews the named credentials, which exist, waits for their delivery
	// and reports each result, from one goroutine.
	Renew(ctx context.Context, names []string, opt RenewOptions, tell func(engine.RenewResult)) error
	// Pause pauses the named credentials, which exist, for that long, and returns
	// until when. A zero length means no end, and returns the zero time. Resume ends
	// the pause.
	Pause(ctx context.Context, names []string, length time.Duration) (until time.Time, err error)
	Resume(ctx context.Context, names []string) error
	// Forget deletes the records of removed credentials. If some names have no
	// record, it returns them and deletes nothing.
	Forget(ctx context.Context, names []string) (unknown []string, err error)
	Loginer

	// Cluster returns the machines of the cluster, and false without a cluster.
	// LeaveCluster takes all credentials back to this machine.
	Cluster() (cluster.Status, bool)
	LeaveCluster(ctx context.Context) error
	// Reload returns an error with one reason per line if the running
	// configuration was kept.
	Reload(ctx context.Context, opt ReloadOptions) (Reloaded, error)
	// Plan returns what Reload would do with this configuration, whose main file
	// is the first.
	Plan(ctx context.Context, sources []Source) (Difference, error)
	// Show returns a field of a credential that exists; an empty name means the
	// first field of its kind. The error for an unknown field wraps ErrUnknown.
	Show(ctx context.Context, name, field string) (credential.Secret, error)
	// Fields returns the names of the fields of a credential that exists.
	Fields(ctx context.Context, name string) ([]string, error)
	// Sign returns the Authorization header of one request, signed with a
	// credential that exists. It returns a *MisuseError if the credential cannot
	// sign this request.
	Sign(ctx context.Context, name, method, url string, form map[string][]string) (credential.Secret, error)
}

// maxPlan limits the size of a configuration to plan, which may include a large
// fleet. Only trusted peers may send one.
const maxPlan = 64 << 20

// Serve answers requests until ctx ends. It owns the listener, which comes from
// Listen, and returns when it is closed.
func Serve(ctx context.Context, ln net.Listener, backend Backend, log *zap.Logger) error {
	return web.Run(ctx, ln, &http.Server{ //nolint:gosec // Run bounds the time for headers
		Handler: newHandler(backend, log), ConnContext: peers(ln.Addr().String()), ErrorLog: zap.NewStdLog(web.Complaints(log)),
	}, bounds())
}

type handler struct {
	backend Backend
	log     *zap.Logger
	// views are answers about many, for the owner and for others apart, so that
	// none of the others keeps the owner waiting.
	views map[bool]*web.Shared
}

func newHandler(backend Backend, log *zap.Logger) http.Handler {
	h := handler{backend, log, map[bool]*web.Shared{true: web.NewShared(), false: web.NewShared()}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+pathView, h.view)
	mux.HandleFunc("POST "+pathView, h.view)
	mux.HandleFunc("POST "+pathWait, h.wait)
	mux.HandleFunc("POST "+pathFields, h.fields)
	mux.HandleFunc("GET "+pathCluster, h.cluster)
	for path, serve := range map[string]http.HandlerFunc{
		pathRenew: h.renew, pathReload: h.reload, pathPlan: h.plan, pathShow: h.show, pathSign: h.sign,
		pathInvite: h.invite, pathRedeem: h.redeem, pathImport: h.importToken,
		pathPause: h.pause, pathResume: h.resume, pathForget: h.forget,
		pathLeave: h.leave, pathStderr: h.stderr,
	} {
		mux.HandleFunc("POST "+path, trusted(serve))
	}
	return mux
}

// trusted refuses peers that may only read the status.
func trusted(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !peerOf(r.Context()).trusted {
			refuse(w, Problem{Code: CodeDenied, Message: "this needs root, the daemon's user or a member of the socket's group (use sudo, or become a member and log in again)"})
			return
		}
		next(w, r)
	}
}

// alive reports whether the engine answers. If not, it has answered the request.
func (h handler) alive(w http.ResponseWriter) bool {
	if !h.backend.Alive() {
		refuse(w, Problem{Code: CodeSilent, Message: "the daemon does not answer; it is starting, stopping or stuck"})
		return false
	}
	return true
}

// look returns the selection of a query. If false, it has answered the request.
func (h handler) look(w http.ResponseWriter, q engine.Query) (engine.View, bool) {
	if !h.alive(w) {
		return engine.View{}, false
	}
	v := h.backend.Select(q)
	if len(v.Unknown) > 0 {
		refuse(w, unknownNames(v.Unknown))
		return engine.View{}, false
	}
	return v, true
}

// choose returns the names of the selected credentials. If false, it has answered
// the request.
func (h handler) choose(w http.ResponseWriter, s Selection) ([]string, bool) {
	if !s.All && len(s.Names) == 0 && !s.Narrows() {
		refuse(w, Problem{Code: CodeBadRequest, Message: "names are missing"})
		return nil, false
	}
	v, ok := h.look(w, s.query())
	if !ok {
		return nil, false
	}
	names := make([]string, 0, len(v.Credentials))
	for _, c := range v.Credentials {
		names = append(names, c.Name)
	}
	if sinks := sinksOnly(v, s.Names); len(sinks) > 0 {
		refuse(w, unknownNames(sinks))
		return nil, false
	}
	return slices.Compact(slices.Sorted(slices.Values(names))), true
}

// sinksOnly returns the names that belong to sinks but to no credential.
func sinksOnly(v engine.View, names []string) []string {
	credentials, sinks := map[string]bool{}, map[string]bool{}
	for _, c := range v.Credentials {
		credentials[c.Name] = true
	}
	for _, s := range v.Sinks {
		sinks[s.Name] = true
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return credentials[name] || !sinks[name] })
}

func (h handler) view(w http.ResponseWriter, r *http.Request) {
	q := decodeQuery(r.URL.Query())
	if r.Method == http.MethodPost { // for more names than fit into a URL
		if !decode(w, r, &q) {
			return
		}
	}
	write := func(w http.ResponseWriter) {
		if v, ok := h.look(w, q); ok {
			answer(w, Snapshot{View: v, Config: h.backend.Config()})
		}
	}
	if !q.Broad() {
		write(w)
		return
	}
	h.views[peerOf(r.Context()).owner].Serve(w, r, q.Text(), write)
}

// wait answers when everything selected is valid and delivered, or when a name has
// been removed. The client ends the wait by disconnecting.
func (h handler) wait(w http.ResponseWriter, r *http.Request) {
	var ask Selection
	if !decode(w, r, &ask) || !h.alive(w) {
		return
	}
	var gone []string
	err := h.backend.Await(r.Context(), ask.query(), func(v engine.View) bool {
		gone = v.Unknown
		return len(gone) > 0 || view.Arrived(v)
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
	var ask ReloadOptions
	if !decode(w, r, &ask) {
		return
	}
	h.audit(r, "reload requested", zap.Bool("accept_removals", ask.AcceptRemovals), zap.Bool("accept_identities", ask.AcceptIdentities))
	done, err := h.backend.Reload(r.Context(), ask)
	if err != nil {
		refuse(w, Problem{Code: CodeRejected, Message: err.Error()})
		return
	}
	answer(w, done)
}

func (h handler) plan(w http.ResponseWriter, r *http.Request) {
	var ask planRequest
	if !decodeUpTo(maxPlan, w, r, &ask) {
		return
	}
	if len(ask.Sources) == 0 {
		refuse(w, Problem{Code: CodeBadRequest, Message: "the file to plan is missing"})
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
	if decode(w, r, &ask) && h.exists(w, ask.Name) {
		value, err := h.backend.Show(r.Context(), ask.Name, ask.Field)
		if err != nil {
			// An unknown field name may be anything, even a secret typed in the
			// wrong place.
			h.audit(r, "value refused", zap.String("credential", ask.Name))
		} else {
			h.audit(r, "value shown", zap.String("credential", ask.Name), zap.String("field", ask.Field))
		}
		answerValue(w, value, err)
	}
}

// fields returns the names of the fields, which are not secret.
func (h handler) fields(w http.ResponseWriter, r *http.Request) {
	var ask showRequest
	if !decode(w, r, &ask) || !h.exists(w, ask.Name) {
		return
	}
	fields, err := h.backend.Fields(r.Context(), ask.Name)
	if err != nil {
		refuse(w, problemOf(err))
		return
	}
	answer(w, fields)
}

func (h handler) sign(w http.ResponseWriter, r *http.Request) {
	var ask signRequest
	if decode(w, r, &ask) && h.exists(w, ask.Name) {
		h.audit(r, "request signed", zap.String("credential", ask.Name))
		value, err := h.backend.Sign(r.Context(), ask.Name, ask.Method, ask.URL, ask.Form)
		answerValue(w, value, err)
	}
}

// exists reports whether a credential has the name. If not, it has answered the
// request.
func (h handler) exists(w http.ResponseWriter, name string) bool {
	v, ok := h.look(w, engine.Query{Names: []string{name}})
	if ok && !slices.ContainsFunc(v.Credentials, func(c engine.CredentialView) bool { return c.Name == name }) {
		refuse(w, unknownNames([]string{name})) // the name of a sink, or a pattern
		return false
	}
	return ok
}

func answerValue(w http.ResponseWriter, value credential.Secret, err error) {
	if err != nil {
		refuse(w, problemOf(err))
		return
	}
	// The only place where a value leaves through the socket.
	answer(w, valueAnswer{value.Reveal()})
}

// problemOf classifies a Backend's error.
func problemOf(err error) Problem {
	_, misuse := errors.AsType[*MisuseError](err)
	switch {
	case errors.Is(err, ErrUnknown):
		return Problem{Code: CodeUnknown, Message: err.Error()}
	case errors.Is(err, engine.ErrEnded):
		return Problem{Code: CodeSilent, Message: err.Error()}
	case misuse:
		return Problem{Code: CodeMisuse, Message: err.Error()}
	}
	return Problem{Code: CodeFailed, Message: err.Error()}
}

// decode reads the document of the request. If false, it has answered the request.
func decode(w http.ResponseWriter, r *http.Request, document any) bool {
	return decodeUpTo(web.MaxBody, w, r, document)
}

func decodeUpTo(limit int64, w http.ResponseWriter, r *http.Request, document any) bool {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, limit)).Decode(document)
	// The request has arrived, so its read deadline no longer applies; handling
	// it may take long.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{})
	if err != nil {
		refuse(w, Problem{Code: CodeBadRequest, Message: "the request cannot be read"})
		return false
	}
	return true
}

// answer sends one document. It ignores clients that have disconnected.
func answer(w http.ResponseWriter, document any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(document)
}

func refuse(w http.ResponseWriter, p Problem) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.httpStatus())
	_ = json.NewEncoder(w).Encode(p)
}
