package view

import (
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// Format is the version of all documents. It is incremented when a key is removed or
// changes its meaning, not when one is added.
const Format = 1

// Report is the document of status --json.
type Report struct {
	Format      int                `json:"format"`
	Config      ConfigReport       `json:"config"`
	State       StateReport        `json:"state"`
	Listener    ListenerReport     `json:"listener"`
	Credentials []CredentialReport `json:"credentials"`
	Sinks       []SinkReport       `json:"sinks"`
	Providers   []ProviderReport   `json:"providers"`
	Fleets      []Fleet            `json:"fleets"`
	Limits      []Limit            `json:"limits"`
	Warnings    []Warning          `json:"warnings"`
	// Cluster says what is wrong between the machines. It is absent if nothing is.
	Cluster string `json:"cluster,omitempty"`
	Totals  Totals `json:"totals"`
}

// ConfigReport describes the running configuration.
type ConfigReport struct {
	Hash      string  `json:"hash"`
	LoadedAt  Instant `json:"loaded_at"`
	LastError string  `json:"last_error"`
}

// StateReport says whether the state can be saved.
type StateReport struct {
	Saved     bool   `json:"saved"`
	LastError string `json:"last_error"`
}

// ListenerReport says why the listener is not running, if it is not.
type ListenerReport struct {
	LastError string `json:"last_error"`
}

// CredentialReport is one credential.
type CredentialReport struct {
	Name          string      `json:"name"`
	Provider      string      `json:"provider"`
	Type          string      `json:"type"`
	Fleet         string      `json:"fleet"`
	State         string      `json:"state"`
	Generation    uint64      `json:"generation"`
	IssuedAt      Instant     `json:"issued_at"`
	ExpiresAt     Instant     `json:"expires_at"`
	RenewBy       Instant     `json:"renew_by"`
	NextAttemptAt Instant     `json:"next_attempt_at"`
	NextReason    string      `json:"next_reason"`
	LastUsefulAt  Instant     `json:"last_useful_attempt_at"`
	PausedUntil   Instant     `json:"paused_until"`
	Failures      int         `json:"failures"`
	Limits        []Limit     `json:"limits"`
	LastError     ErrorReport `json:"last_error"`
}

// SinkReport is one sink.
type SinkReport struct {
	Name            string            `json:"name"`
	Type            string            `json:"type"`
	Fleet           string            `json:"fleet"`
	Path            string            `json:"path"`
	State           string            `json:"state"`
	Delivered       map[string]uint64 `json:"delivered"`
	LastDeliveredAt Instant           `json:"last_delivered_at"`
	LastError       ErrorReport       `json:"last_error"`
}

// ProviderReport is one backend. Failures is the largest number of consecutive failures
// among its credentials.
type ProviderReport struct {
	Name          string  `json:"name"`
	Type          string  `json:"type"`
	CooldownUntil Instant `json:"cooldown_until"`
	Failures      int     `json:"failures"`
}

// ErrorReport is a failure and how to fix it. Its texts are empty if there was no
// failure.
type ErrorReport struct {
	Reason  string  `json:"reason"`
	Message string  `json:"message"`
	Cure    string  `json:"cure"`
	At      Instant `json:"at"`
}

// Totals counts what was selected, by state, including states with a count of zero.
type Totals struct {
	Credentials map[engine.State]int `json:"credentials"`
	Sinks       map[engine.State]int `json:"sinks"`
}

// TotalsOf counts the contents of a view.
func TotalsOf(v engine.View) Totals {
	t := Totals{map[engine.State]int{}, map[engine.State]int{}}
	for i := range v.Credentials {
		t.Credentials[v.Credentials[i].State]++
	}
	for i := range v.Sinks {
		t.Sinks[v.Sinks[i].State]++
	}
	return t
}

// NewReport returns the document for a view, in the order of the view.
func NewReport(v engine.View, c Config) Report {
	r := Report{
		Format:      Format,
		Config:      ConfigReport{Hash: c.Hash, LoadedAt: Instant{c.LoadedAt}, LastError: c.LastError},
		State:       StateReport{Saved: v.StateError == "", LastError: v.StateError},
		Listener:    ListenerReport{c.Listener},
		Cluster:     c.Cluster,
		Credentials: make([]CredentialReport, 0, len(v.Credentials)),
		Sinks:       make([]SinkReport, 0, len(v.Sinks)),
		Providers:   make([]ProviderReport, 0, len(v.Providers)),
		Fleets:      listOf(c.Fleets), Limits: listOf(c.Limits), Warnings: listOf(c.Warnings), Totals: Totals(v.Totals),
	}
	failures := map[string]int{}
	for i := range v.Credentials {
		one := &v.Credentials[i]
		r.Credentials = append(r.Credentials, NewCredentialReport(*one))
		failures[one.Provider] = max(failures[one.Provider], one.Failures)
	}
	for _, s := range v.Sinks {
		r.Sinks = append(r.Sinks, newSinkReport(s))
	}
	for _, p := range v.Providers {
		r.Providers = append(r.Providers, ProviderReport{p.Name, p.Type, Instant{p.CooldownUntil}, failures[p.Name]})
	}
	return r
}

// listOf replaces a nil list by an empty one.
func listOf[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// NewCredentialReport returns the part of the document for one credential.
func NewCredentialReport(c engine.CredentialView) CredentialReport {
	return CredentialReport{
		Name: c.Name, Provider: c.Provider, Type: c.Type, Fleet: engine.FleetOf(c.Name), State: string(c.State), Generation: c.Generation,
		IssuedAt: Instant{c.IssuedAt}, ExpiresAt: Instant{c.ExpiresAt}, RenewBy: Instant{c.RenewBy},
		NextAttemptAt: Instant{c.NextAttemptAt}, NextReason: c.NextReason,
		LastUsefulAt: Instant{c.LastUsefulAttemptAt}, PausedUntil: Instant{c.PausedUntil}, Failures: c.Failures,
		Limits: LimitsOf(c.Limits), LastError: errorReport(c.LastError, CredentialFix(c)),
	}
}

func newSinkReport(s engine.SinkView) SinkReport {
	delivered := s.Delivered
	if delivered == nil {
		delivered = map[string]uint64{}
	}
	return SinkReport{
		Name: s.Name, Type: s.Type, Fleet: engine.FleetOf(s.Name), Path: s.Path, State: string(s.State), Delivered: delivered,
		LastDeliveredAt: Instant{s.LastDeliveredAt}, LastError: errorReport(SinkError(s), SinkFix(s)),
	}
}

// SinkError returns the failure to show for a sink: that of its delivery, or else that of
// its hook, which then says so.
func SinkError(s engine.SinkView) *schedule.Note {
	if s.LastError != nil || s.HookError == nil {
		return s.LastError
	}
	note := *s.HookError
	note.Message = "on_change: " + note.Message
	return &note
}

// errorReport returns an empty report if n is nil.
func errorReport(n *schedule.Note, fix string) ErrorReport {
	if n == nil {
		return ErrorReport{}
	}
	return ErrorReport{Reason: string(n.Reason), Message: n.Message, Cure: fix, At: Instant{n.At}}
}
