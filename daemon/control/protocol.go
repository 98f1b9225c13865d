package control

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
)

// The requests. They are spoken between one binary's daemon and commands; what
// others may rely on are the commands.
const (
	pathView   = "/v1/view"
	pathWait   = "/v1/wait"
	pathRenew  = "/v1/renew"
	pathReload = "/v1/reload"
	pathPlan   = "/v1/plan"
	pathShow   = "/v1/show"
	pathStderr = "/v1/stderr"
	pathSign   = "/v1/sign"
	pathFields = "/v1/fields"
	pathPause  = "/v1/pause"
	pathResume = "/v1/resume"
	pathForget = "/v1/forget"
	pathInvite = "/v1/login/invite"
	pathRedeem = "/v1/login/redeem"
	pathImport = "/v1/login/import"

	pathCluster = "/v1/cluster"
	pathLeave   = "/v1/cluster/leave"
)

// Snapshot is what a query selected of the daemon's state, at one instant.
type Snapshot struct {
	View   engine.View
	Config view.Config
}

// Selection says which credentials and sinks are meant: names, which may be
// patterns, unite; the other conditions narrow.
type Selection struct {
	Names    []string     `json:"names"`
	Provider string       `json:"provider,omitempty"`
	State    engine.State `json:"state,omitempty"`
	Fleet    *string      `json:"fleet,omitempty"`
	All      bool         `json:"all,omitempty"`
}

// Narrows reports whether there are conditions beside the names.
func (s Selection) Narrows() bool { return s.Provider != "" || s.State != "" || s.Fleet != nil }

// query asks the engine for what is meant.
func (s Selection) query() engine.Query {
	return engine.Query{Names: s.Names, Provider: s.Provider, State: s.State, Fleet: s.Fleet}
}

// encode writes a query into a URL, decodeQuery reads it.
func encode(q engine.Query) string {
	values := url.Values{"name": q.Names}
	set := func(key, value string) {
		if value != "" {
			values.Set(key, value)
		}
	}
	set("provider", q.Provider)
	set("state", string(q.State))
	if q.Fleet != nil {
		values.Set("fleet", *q.Fleet)
	}
	if q.Limit > 0 {
		set("limit", strconv.Itoa(q.Limit))
	}
	for key, on := range map[string]bool{"worst": q.Worst, "history": q.History} {
		if on {
			values.Set(key, "1")
		}
	}
	return values.Encode()
}

func decodeQuery(values url.Values) engine.Query {
	q := engine.Query{
		Names: values["name"], Provider: values.Get("provider"), State: engine.State(values.Get("state")),
		Worst: values.Has("worst"), History: values.Has("history"),
	}
	if values.Has("fleet") {
		fleet := values.Get("fleet")
		q.Fleet = &fleet
	}
	if limit, err := strconv.Atoi(values.Get("limit")); err == nil {
		q.Limit = max(0, limit)
	}
	return q
}

// RenewOptions say what a renewal by hand may do that others must not.
type RenewOptions struct {
	// IgnoreCooldown calls before a wait is over that the backend asked for.
	IgnoreCooldown bool `json:"ignore_cooldown,omitempty"`
	// Force shows a seed again whose answer was lost.
	Force bool `json:"force,omitempty"`
	// TakeOver renews what another machine has begun and not ended.
	TakeOver bool `json:"take_over,omitempty"`
}

type renewRequest struct {
	Selection
	RenewOptions
}

// ReloadOptions accept what a reload otherwise refuses.
type ReloadOptions struct {
	AcceptRemovals   bool `json:"accept_removals,omitempty"`
	AcceptIdentities bool `json:"accept_identities,omitempty"`
}

// Reloaded is what a good reload has to tell.
type Reloaded struct {
	// Missing are the files and variables that credentials wait for.
	Missing []Missing `json:"missing"`
}

// Missing is something that a credential needs and that is not there.
type Missing struct {
	Credential string `json:"credential"`
	Path       string `json:"path"`
}

type pauseRequest struct {
	Selection
	For time.Duration `json:"for"` // zero for no end
}

// Paused is what a pause or its end changed.
type Paused struct {
	Names []string  `json:"names"`
	Until time.Time `json:"until"` // zero for no end, and after a resume
}

// Source is one file of a configuration that does not run, read by whoever
// asks: the daemon may not be let to where it lies.
type Source struct {
	Name string `json:"name"` // absolute
	Text []byte `json:"text"`
}

type planRequest struct {
	Sources []Source `json:"sources"`
}

type showRequest struct {
	Name  string `json:"name"`
	Field string `json:"field"`
}

type signRequest struct {
	Name   string              `json:"name"`
	Method string              `json:"method"`
	URL    string              `json:"url"`
	Form   map[string][]string `json:"form"`
}

type valueAnswer struct {
	Value string `json:"value"`
}

// Waiting says what a renewal that was asked for waits for, and until when; the
// instant is zero when that is not known.
type Waiting struct {
	Name  string    `json:"name"`
	Until time.Time `json:"until"`
	Why   string    `json:"why"`
}

// renewLine is one line of the answer to renew: the number of names first, then
// what is waited for, each end, and at last that it is over, or the problem that
// ended it.
type renewLine struct {
	Total   *int                `json:"total,omitempty"`
	Waiting *Waiting            `json:"waiting,omitempty"`
	End     *engine.RenewResult `json:"end,omitempty"`
	Over    bool                `json:"over,omitempty"`
	Problem *Problem            `json:"problem,omitempty"`
}

// Code classifies a refusal.
type Code string

// The codes.
const (
	CodeUnknown    Code = "unknown"     // a name does not exist
	CodeDenied     Code = "denied"      // the peer may only look
	CodeSilent     Code = "silent"      // the engine does not answer
	CodeFailed     Code = "failed"      // it was tried and failed
	CodeRejected   Code = "rejected"    // the configuration was not accepted
	CodeMisuse     Code = "misuse"      // it can never be done
	CodeBadRequest Code = "bad_request" // the request cannot be read
)

// Problem is the refusal of a request, and an error. Names are those that do
// not exist.
type Problem struct {
	Code    Code     `json:"code"`
	Message string   `json:"message"`
	Names   []string `json:"names,omitempty"`
}

// Error returns the message.
func (p *Problem) Error() string { return p.Message }

func unknownNames(names []string) Problem {
	return Problem{Code: CodeUnknown, Names: names, Message: "no such name in the configuration: " + strings.Join(names, ", ")}
}

func (p *Problem) httpStatus() int {
	switch p.Code {
	case CodeUnknown:
		return http.StatusNotFound
	case CodeDenied:
		return http.StatusForbidden
	case CodeSilent:
		return http.StatusServiceUnavailable
	case CodeFailed, CodeRejected, CodeMisuse:
		return http.StatusUnprocessableEntity
	case CodeBadRequest:
	}
	return http.StatusBadRequest
}
