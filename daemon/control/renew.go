package control

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

const (
	// sayWaiting is the delay before the client is told what a renewal waits for.
	sayWaiting  = 500 * time.Millisecond
	mostWaiting = 10
)

// renew streams the progress of each renewal to the client.
func (h handler) renew(w http.ResponseWriter, r *http.Request) {
	var ask renewRequest
	if !decode(w, r, &ask) {
		return
	}
	if ask.All && len(ask.Names) > 0 {
		refuse(w, Problem{Code: CodeBadRequest, Message: "expected either names or all"})
		return
	}
	names, ok := h.choose(w, ask.Selection)
	if !ok {
		return
	}
	log := h.audit
	if ask.IgnoreCooldown {
		log = h.auditWarning
	}
	log(r, "renewal requested", credentials(names),
		zap.Bool("ignore_cooldown", ask.IgnoreCooldown), zap.Bool("force", ask.Force), zap.Bool("take_over", ask.TakeOver))
	lines := &stream{began: time.Now(), encoder: json.NewEncoder(w), control: http.NewResponseController(w), open: map[string]bool{}}
	w.Header().Set("Content-Type", "application/jsonl")
	total := len(names)
	for _, name := range names {
		lines.open[name] = true
	}
	lines.send(renewLine{Total: &total})
	waiting := time.AfterFunc(sayWaiting, func() { lines.tellWaiting(h.backend.Select) })
	err := h.backend.Renew(r.Context(), names, ask.RenewOptions, lines.end)
	waiting.Stop()
	lines.close(err)
}

// stream sends lines as they come. If the client disconnects, the context ends the
// work.
type stream struct {
	began   time.Time
	mu      sync.Mutex
	encoder *json.Encoder
	control *http.ResponseController
	open    map[string]bool // the names without a result yet; nil at the end
}

func (s *stream) send(line renewLine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sendLocked(line)
}

func (s *stream) sendLocked(line renewLine) {
	_ = s.encoder.Encode(line)
	_ = s.control.Flush()
}

// end sends the result of one renewal.
func (s *stream) end(end engine.RenewResult) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, end.Name)
	s.sendLocked(renewLine{End: &end})
}

// close ends the answer.
func (s *stream) close(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = nil
	if err != nil {
		s.sendLocked(renewLine{Problem: &Problem{Code: CodeSilent, Message: "the daemon stopped before all renewals had ended"}})
		return
	}
	s.sendLocked(renewLine{Over: true})
}

// tellWaiting tells what the renewals that have not ended are waiting for.
func (s *stream) tellWaiting(look func(engine.Query) engine.View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for name := range s.open {
		if names = append(names, name); len(names) == mostWaiting {
			break
		}
	}
	if len(names) == 0 {
		return
	}
	v := look(engine.Query{Names: names, History: true})
	for _, c := range v.Credentials {
		if !s.open[c.Name] {
			continue
		}
		line := Waiting{Name: c.Name, Why: c.NextReason}
		switch {
		case c.Running:
			line.Why = "the backend has not answered yet"
		case s.called(c):
			line.Why = "the backend has answered, the value is not delivered yet"
		case c.NextAttemptAt.After(v.At):
			line.Until = c.NextAttemptAt
		}
		s.sendLocked(renewLine{Waiting: &line})
	}
}

// called reports whether the call of a requested renewal was made. Its next attempt is
// then one of its own accord, and not what the request waits for.
func (s *stream) called(c engine.CredentialView) bool {
	if len(c.History) == 0 {
		return false
	}
	last := c.History[len(c.History)-1]
	return last.Outcome != schedule.Failed && !last.At.Before(s.began)
}
