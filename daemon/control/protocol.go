package control

import (
	"net/http"
	"strings"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/web"
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
	pathSign   = "/v1/sign"
)

// Snapshot is the daemon's state at one instant.
type Snapshot struct {
	View   engine.View
	Config web.Config
}

type waitRequest struct {
	Names []string `json:"names"`
}

type renewRequest struct {
	Names []string `json:"names"`
	All   bool     `json:"all"`
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

// renewLine is one line of the answer to renew: the number of names first, then
// each end, and at last that it is over, or the problem that ended it.
type renewLine struct {
	Total   *int                `json:"total,omitempty"`
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
	CodeMisuse     Code = "misuse"      // it can never be done
	CodeBadRequest Code = "bad_request" // the request is none
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
	case CodeFailed, CodeMisuse:
		return http.StatusUnprocessableEntity
	case CodeBadRequest:
	}
	return http.StatusBadRequest
}
