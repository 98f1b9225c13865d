package web

import (
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// ReportFormat is the version of Report. It grows when a key changes its
// meaning or goes, not when one is added.
const ReportFormat = 1

// Report is the document of status --json. Instants are RFC 3339 in UTC, the
// empty text when unknown.
type Report struct {
	Format      int                `json:"format"`
	Config      ConfigReport       `json:"config"`
	State       StateReport        `json:"state"`
	Credentials []CredentialReport `json:"credentials"`
	Sinks       []SinkReport       `json:"sinks"`
}

// ConfigReport says which configuration runs.
type ConfigReport struct {
	Hash      string `json:"hash"`
	LoadedAt  string `json:"loaded_at"`
	LastError string `json:"last_error"`
}

// StateReport says whether what is known would survive a restart.
type StateReport struct {
	Saved     bool   `json:"saved"`
	LastError string `json:"last_error"`
}

// CredentialReport is one credential.
type CredentialReport struct {
	Name          string      `json:"name"`
	Provider      string      `json:"provider"`
	Type          string      `json:"type"`
	State         string      `json:"state"`
	Generation    uint64      `json:"generation"`
	IssuedAt      string      `json:"issued_at"`
	ExpiresAt     string      `json:"expires_at"`
	NextAttemptAt string      `json:"next_attempt_at"`
	NextReason    string      `json:"next_reason"`
	LastUsefulAt  string      `json:"last_useful_attempt_at"`
	Failures      int         `json:"failures"`
	LastError     ErrorReport `json:"last_error"`
}

// SinkReport is one sink.
type SinkReport struct {
	Name            string            `json:"name"`
	Type            string            `json:"type"`
	Path            string            `json:"path"`
	State           string            `json:"state"`
	Delivered       map[string]uint64 `json:"delivered"`
	LastDeliveredAt string            `json:"last_delivered_at"`
	LastError       ErrorReport       `json:"last_error"`
}

// ErrorReport is a failure; all its texts are empty when there is none.
type ErrorReport struct {
	Reason  string `json:"reason"`
	Message string `json:"message"`
	At      string `json:"at"`
}

// Config says which configuration runs and why another one does not.
type Config struct {
	Hash      string
	LoadedAt  time.Time
	LastError string
}

// NewReport makes the document of a view.
func NewReport(v engine.View, c Config) Report {
	r := Report{
		Format:      ReportFormat,
		Config:      ConfigReport{Hash: c.Hash, LoadedAt: Stamp(c.LoadedAt), LastError: c.LastError},
		State:       StateReport{Saved: v.StateError == "", LastError: v.StateError},
		Credentials: make([]CredentialReport, 0, len(v.Credentials)),
		Sinks:       make([]SinkReport, 0, len(v.Sinks)),
	}
	for _, c := range v.Credentials {
		r.Credentials = append(r.Credentials, NewCredentialReport(c))
	}
	for _, s := range v.Sinks {
		delivered := s.Delivered
		if delivered == nil {
			delivered = map[string]uint64{}
		}
		r.Sinks = append(r.Sinks, SinkReport{
			Name: s.Name, Type: s.Type, Path: s.Path, State: string(s.State), Delivered: delivered,
			LastDeliveredAt: Stamp(s.LastDeliveredAt), LastError: errorReport(SinkError(s)),
		})
	}
	return r
}

// NewCredentialReport makes the document's part on one credential.
func NewCredentialReport(c engine.CredentialView) CredentialReport {
	return CredentialReport{
		Name: c.Name, Provider: c.Provider, Type: c.Type, State: string(c.State), Generation: c.Generation,
		IssuedAt: Stamp(c.IssuedAt), ExpiresAt: Stamp(c.ExpiresAt),
		NextAttemptAt: Stamp(c.NextAttemptAt), NextReason: c.NextReason,
		LastUsefulAt: Stamp(c.LastUsefulAttemptAt), Failures: c.Failures, LastError: errorReport(c.LastError),
	}
}

// SinkError is the failure to show for a sink: that of its delivery, else that
// of its hook, which says so.
func SinkError(s engine.SinkView) *schedule.Note {
	if s.LastError != nil || s.HookError == nil {
		return s.LastError
	}
	note := *s.HookError
	note.Message = "on_change: " + note.Message
	return &note
}

func errorReport(n *schedule.Note) ErrorReport {
	if n == nil {
		return ErrorReport{}
	}
	return ErrorReport{Reason: string(n.Reason), Message: n.Message, At: Stamp(n.At)}
}

// Stamp writes an instant for programs: RFC 3339 in UTC, empty for none.
func Stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
