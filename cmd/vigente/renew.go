package main

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
)

func (a *app) renewCommand() *cobra.Command {
	var all, asJSON bool
	var opt control.RenewOptions
	var chosen selection
	command := &cobra.Command{
		Use:   "renew NAME… | --all",
		Short: "Renew credentials now",
		Long: `Renew credentials now and return when each is delivered to all its sinks. The
command respects the minimum interval, the rate and the cool-down of the backend,
and says what it is waiting for and until when. It does not wait for a backend that
asked for a cool-down of more than a minute. A parked credential is retried.
` + selectionHelp + `

The exit code is 1 if a renewal or a delivery failed.`,
		Example: `  # after correcting a problem
  vigente renew loja
  # after an incident
  vigente renew --all
  # the parked ones of a provider
  vigente renew --provider vault --state parked`,
		Args:              chosen.needed(&all),
		ValidArgsFunction: a.completeCredentials,
		RunE: a.begin(func(command *cobra.Command, names []string) error {
			p := &progress{out: a.out, err: a.err, ends: []renewed{}}
			switch {
			case asJSON:
				p.out, p.err = &printer{to: io.Discard}, &printer{to: io.Discard}
			case a.isTerminal(a.Stderr) && (all || len(names) != 1):
				p.bar, p.width = a.err, width(a.Stderr)
			}
			meant := chosen.of(command, names)
			meant.All = all
			err := a.client().Renew(command.Context(), meant, opt, p)
			p.clear()
			if err == nil && p.failed > 0 {
				err = &exitError{code: exitFailed}
			}
			if _, ended := errors.AsType[*exitError](err); asJSON && (err == nil || ended) {
				return errors.Join(a.document(renewals{view.Format, p.failed == 0, p.ends}), err)
			}
			return err
		}),
	}
	command.Flags().BoolVar(&all, "all", false, "renew every credential")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	command.Flags().BoolVar(&opt.IgnoreCooldown, "ignore-cooldown", false, "call before the cool-down requested by the backend is over")
	command.Flags().BoolVar(&opt.Force, "force", false, "send a refresh token again although its last answer was lost")
	command.Flags().BoolVar(&opt.TakeOver, "take-over", false, "renew although another machine's call has an unknown outcome")
	chosen.flags(command)
	return command
}

// renewals is the document of renew --json.
type renewals struct {
	Format      int       `json:"format"`
	OK          bool      `json:"ok"`
	Credentials []renewed `json:"credentials"`
}

// renewed is the result of one renewal, with the sinks that failed.
type renewed struct {
	Name       string   `json:"name"`
	OK         bool     `json:"ok"`
	Generation uint64   `json:"generation"`
	Message    string   `json:"message"`
	Sinks      []string `json:"failed_sinks"`
}

// progress prints one line per result, successes to out and failures to err, and
// draws a progress bar below them on a terminal.
type progress struct {
	out, err *printer
	bar      *printer // nil without a terminal
	width    int      // of the terminal, 0 if unknown

	total, done, failed int
	ends                []renewed
}

// Waiting reports what the daemon is waiting for.
func (p *progress) Waiting(w control.Waiting) {
	p.clear()
	text := w.Name + ": waiting"
	if !w.Until.IsZero() {
		text += " until " + view.Local(w.Until)
	}
	p.err.printf("%s: %s\n", text, w.Why)
	p.draw()
}

// Begin reports the number of results to come.
func (p *progress) Begin(total int) {
	p.total = total
	p.draw()
}

// End reports one result.
func (p *progress) End(end engine.RenewResult) {
	p.clear()
	p.done++
	p.ends = append(p.ends, renewedOf(end))
	switch {
	case end.Good():
		p.out.printf("%s: generation %d is delivered\n", end.Name, end.Generation)
	case end.Sink != "":
		p.failed++
		for _, u := range undelivered(end) {
			p.err.printf("%s: renewed, but not delivered to %s: %s\n", end.Name, u.Sink, u.Failure)
		}
	default:
		p.failed++
		p.err.printf("%s: not renewed: %s\n", end.Name, strings.TrimPrefix(end.Failure, "not renewed, "))
	}
	p.draw()
}

func renewedOf(end engine.RenewResult) renewed {
	r := renewed{Name: end.Name, OK: end.Good(), Generation: end.Generation, Message: end.Failure, Sinks: []string{}}
	for _, u := range undelivered(end) {
		r.Sinks = append(r.Sinks, u.Sink)
	}
	return r
}

// undelivered returns the sinks that failed.
func undelivered(end engine.RenewResult) []engine.Undelivered {
	if len(end.Undelivered) == 0 && end.Sink != "" {
		return []engine.Undelivered{{Sink: end.Sink, Failure: end.Failure}}
	}
	return end.Undelivered
}

func (p *progress) draw() {
	if p.bar == nil || p.done == p.total {
		return
	}
	count := fmt.Sprintf("%d of %d, %d failed", p.done, p.total, p.failed)
	boxes := 30
	if p.width > 0 { // a wrapped line could not be cleared
		boxes = min(boxes, p.width-len(count)-1)
	}
	if boxes <= 0 {
		p.bar.printf("\r%.*s", max(p.width, 0), count)
		return
	}
	filled := boxes * p.done / p.total
	p.bar.printf("\r%s%s %s", strings.Repeat("█", filled), strings.Repeat("░", boxes-filled), count)
}

// clear removes the bar.
func (p *progress) clear() {
	if p.bar != nil {
		p.bar.printf("\r\x1b[K")
	}
}
