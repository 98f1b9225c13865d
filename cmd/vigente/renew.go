package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/engine"
)

func (a *app) renewCommand() *cobra.Command {
	var all bool
	command := &cobra.Command{
		Use:   "renew NAME… | --all",
		Short: "Renew credentials now",
		Long: `Renew credentials now and return when each is in all its sinks. Floor, rate and
cool-down of the backend are kept: inside the floor it is waited for. A parked
credential is tried again.

The exit code is 1 after a failed renewal, or when the first delivery failed.`,
		Example: `  # one that a person has just put right
  vigente renew loja
  # after an incident
  vigente renew --all`,
		Args: func(_ *cobra.Command, names []string) error {
			if all == (len(names) > 0) {
				return errors.New("expected names, or --all without a name")
			}
			return nil
		},
		ValidArgsFunction: a.completeCredentials,
		RunE: a.begin(func(command *cobra.Command, names []string) error {
			p := &progress{out: a.out, err: a.err}
			if a.isTerminal(a.Stderr) && (all || len(names) > 1) {
				p.bar, p.width = a.err, width(a.Stderr)
			}
			err := a.client().Renew(command.Context(), names, p)
			p.clear()
			if err == nil && p.failed > 0 {
				return &exitError{code: exitFailed}
			}
			return err
		}),
	}
	command.Flags().BoolVar(&all, "all", false, "renew every credential")
	return command
}

// progress tells each end on a line, good ones on out and bad ones on err, and
// draws a bar below them where there is a terminal.
type progress struct {
	out, err *printer
	bar      *printer // nil for none
	width    int      // of the terminal, 0 when it is not known

	total, done, failed int
}

// Begin is told how many ends will come.
func (p *progress) Begin(total int) {
	p.total = total
	p.draw()
}

// End is told each end.
func (p *progress) End(end engine.RenewResult) {
	p.clear()
	p.done++
	switch {
	case end.Good():
		p.out.printf("%s: generation %d is delivered\n", end.Name, end.Generation)
	case end.Sink != "":
		p.failed++
		p.err.printf("%s: renewed, but not delivered to %s: %s\n", end.Name, end.Sink, end.Failure)
	default:
		p.failed++
		p.err.printf("%s: not renewed: %s\n", end.Name, strings.TrimPrefix(end.Failure, "not renewed, "))
	}
	p.draw()
}

func (p *progress) draw() {
	if p.bar == nil || p.done == p.total {
		return
	}
	count := fmt.Sprintf("%d of %d, %d failed", p.done, p.total, p.failed)
	boxes := 30
	if p.width > 0 { // a line that wraps could not be removed again
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
