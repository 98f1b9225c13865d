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

// The requests are private to daemon and commands of the same version. Other
// programs may rely on the commands only.
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

// Snapshot is the selected part of the daemon's state at one point in time.
type Snapshot struct {
	View   engine.View
	Config view.Config
}

// Selection selects credentials and sinks: the union of the names, which may be
// patterns, narrowed by the other conditions.
type Selection struct {
	Names    []string     `json:"names"`
	Provider string       `json:"provider,omitempty"`
	State    engine.State `json:"state,omitempty"`
	Fleet    *string      `json:"fleet,omitempty"`
	All      bool         `json:"all,omitempty"`
}

// Narrows reports whether there are conditions besides names.
func (s Selection) Narrows() bool { return s.Provider != "" || s.State != "" || s.Fleet != nil }

// query returns the selection as a query to the engine.
func (s Selection) query() engine.Query {
	return engine.Query{Names: s.Names, Provider: s.Provider, State: s.State, Fleet: s.Fleet}
}

// encode encodes a query for a URL; decodeQuery decodes it.
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

// RenewOptions allow a manual renewal what automatic ones must not do.
type RenewOptions struct {
	// IgnoreCooldown calls before the cool-down requested by the backend is over.
	IgnoreCooldown bool `json:"ignore_cooldown,omitempty"`
	// Force sends a refresh token again although its last answer was lost.
	Force bool `json:"force,omitempty"`
	// TakeOver renews although another machine's call has an unknown outcome.
	TakeOver bool `json:"take_over,omitempty"`
}

type renewRequest struct {
	Selection
	RenewOptions
}

// ReloadOptions accept changes that a reload refuses by default.
type ReloadOptions struct {
	AcceptRemovals   bool `json:"accept_removals,omitempty"`
	AcceptIdentities bool `json:"accept_identities,omitempty"`
}

// Reloaded is the result of a successful reload.
type Reloaded struct {
	// Missing lists the files and variables that credentials wait for.
	Missing []Missing `json:"missing"`
}

// Missing is a missing file or variable that a credential needs.
type Missing struct {
	Credential string `json:"credential"`
	Path       string `json:"path"`
}

type pauseRequest struct {
	Selection
	For time.Duration `json:"for"` // zero means no end
}

// Paused is the result of a pause or resume.
type Paused struct {
	Names []string  `json:"names"`
	Until time.Time `json:"until"` // zero means no end, and after a resume
}

// Source is one file of a configuration to plan. The client reads it, because the
// daemon may have no access to it.
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

// Waiting tells what a manual renewal is waiting for, and until when, if known.
type Waiting struct {
	Name  string    `json:"name"`
	Until time.Time `json:"until"`
	Why   string    `json:"why"`
}

// renewLine is one line of the answer to renew: first the number of names, then
// what the renewals wait for, each result, and finally the end or a problem.
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
	CodeUnknown    Code = "unknown"     // unknown name
	CodeDenied     Code = "denied"      // the peer may only read the status
	CodeSilent     Code = "silent"      // the engine does not answer
	CodeFailed     Code = "failed"      // the attempt failed
	CodeRejected   Code = "rejected"    // the configuration was not accepted
	CodeMisuse     Code = "misuse"      // can never succeed
	CodeBadRequest Code = "bad_request" // the request cannot be read
)

// Problem is the error of a refused request. Names are the unknown ones.
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
