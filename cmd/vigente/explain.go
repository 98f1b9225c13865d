package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/view"
)

func (a *app) explainCommand() *cobra.Command {
	var asJSON, stderr bool
	var chosen selection
	command := &cobra.Command{
		Use:   "explain NAME…",
		Short: "Explain when the next attempt is and why, and list the last ones",
		Long: `Print when a credential is renewed next, why at that time, and which
configuration key decides it; then its last ten attempts, the newest first.
` + selectionHelp,
		Example:           "  vigente explain loja\n  vigente explain loja --json | jq -r .next_rule\n  vigente explain 'shops/*' --state failing",
		Args:              chosen.needed(nil),
		ValidArgsFunction: a.completeCredentials,
		RunE: a.begin(func(command *cobra.Command, names []string) error {
			if stderr {
				return a.writeStderr(command, names)
			}
			q := chosen.query(command, names)
			q.History = true
			snapshot, err := a.client().Select(command.Context(), q)
			if err != nil {
				return err
			}
			v := snapshot.View
			for _, name := range names {
				if of := isSink(v, name); of {
					return &exitError{exitUsage, []string{"vigente: " + name + " is a sink (expected a credential); see vigente status " + name}}
				}
			}
			if asJSON {
				return a.document(explanationsOf(v))
			}
			p := a.lookFor(a.Stdout)
			for i, c := range v.Credentials {
				if i > 0 {
					a.out.line("")
				}
				writeExplanation(a.out, c, v, p)
			}
			return nil
		}),
	}
	command.Flags().BoolVar(&stderr, "stderr", false, "print what the command of an exec credential last wrote to stderr; for root and the daemon's user")
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	chosen.flags(command)
	return command
}

// writeStderr prints the stderr of commands, verbatim.
func (a *app) writeStderr(command *cobra.Command, names []string) error {
	for _, name := range names {
		text, err := a.client().Stderr(command.Context(), name)
		if err != nil {
			return err
		}
		if text.IsZero() {
			fmt.Fprintf(a.Stderr, "vigente: %s: the command has not written to stderr since the daemon started\n", name)
			continue
		}
		if _, err := io.WriteString(a.Stdout, text.Reveal()); err != nil {
			return err
		}
	}
	return nil
}

// isSink reports whether a name is that of a sink only.
func isSink(v engine.View, name string) bool {
	return !slices.ContainsFunc(v.Credentials, func(c engine.CredentialView) bool { return c.Name == name }) &&
		slices.ContainsFunc(v.Sinks, func(s engine.SinkView) bool { return s.Name == name })
}

// explanation is the document of explain --json: the document of status, with the
// reasons. It contains no secret.
type explanation struct {
	Format int `json:"format"`
	view.CredentialReport
	NextRule      string       `json:"next_rule"`
	CooldownUntil view.Instant `json:"cooldown_until"`
	Attempts      []attempt    `json:"attempts"` // the newest first
}

// explanationsOf is one explanation, or the list of several.
func explanationsOf(v engine.View) any {
	all := make([]explanation, 0, len(v.Credentials))
	for _, c := range v.Credentials {
		all = append(all, explanationOf(c, v))
	}
	if len(all) == 1 {
		return all[0]
	}
	return struct {
		Format      int           `json:"format"`
		Credentials []explanation `json:"credentials"`
	}{view.Format, all}
}

type attempt struct {
	At          view.Instant `json:"at"`
	TookSeconds float64      `json:"took_seconds"`
	Outcome     string       `json:"outcome"`
	Reason      string       `json:"reason"`
	Message     string       `json:"message"`
}

func explanationOf(c engine.CredentialView, v engine.View) explanation {
	e := explanation{Format: view.Format, CredentialReport: view.NewCredentialReport(c), NextRule: c.NextRule, Attempts: []attempt{}}
	for _, p := range v.Providers {
		if p.Name == c.Provider {
			e.CooldownUntil = view.Instant{Time: p.CooldownUntil}
		}
	}
	for _, at := range slices.Backward(c.History) {
		e.Attempts = append(e.Attempts, attempt{view.Instant{Time: at.At}, at.Took.Seconds(), string(at.Outcome), string(at.Reason), at.Message})
	}
	return e
}

func writeExplanation(w *printer, c engine.CredentialView, v engine.View, p look) {
	line := func(head, text string) {
		if text != "" {
			w.printf("%-15s%s\n", head, text)
		}
	}
	line("credential", c.Name+" (provider "+c.Provider+", "+c.Type+")")
	line("state", p.class(view.Class(c.State), string(c.State)))
	line("generation", fmt.Sprint(c.Generation))
	line("issued", instant(c.IssuedAt, v.At))
	line("expires", instant(c.ExpiresAt, v.At))
	line("renew by", instant(c.RenewBy, v.At))
	switch {
	case c.Running:
		line("next attempt", "running now")
	case c.NextAttemptAt.IsZero():
		line("next attempt", "none planned")
	default:
		line("next attempt", instant(c.NextAttemptAt, v.At))
	}
	line("because", c.NextReason)
	line("fixed by", c.NextRule)
	line("last useful", instant(c.LastUsefulAttemptAt, v.At))
	if !c.PausedUntil.IsZero() {
		line("paused", pauseEnd(c.PausedUntil))
	}
	for _, limit := range c.Limits {
		line(strings.ReplaceAll(limit.Kind, "_", " "), "ends "+instant(limit.EndsAt, v.At))
	}
	for _, provider := range v.Providers {
		if provider.Name == c.Provider && !provider.CooldownUntil.IsZero() {
			line("cool-down", "no call to this backend until "+instant(provider.CooldownUntil, v.At))
		}
	}
	for _, note := range p.noteLines(c.LastError, "", view.CredentialAdvice(c), v.At) {
		line("", note)
	}
	w.line("")
	if len(c.History) == 0 {
		w.line("No attempt yet.")
		return
	}
	attemptTable(c.History, p).write(w, p.paint)
}

// attemptTable shows the newest attempt first.
func attemptTable(history []schedule.Attempt, p look) table {
	t := table{heads: []string{"ATTEMPT AT", "OUTCOME", "TOOK", "REASON"}}
	for _, at := range slices.Backward(history) {
		class := view.ClassGood
		if at.Outcome == schedule.Failed {
			class = view.ClassBad
		}
		var notes []string
		if at.Message != "" {
			notes = p.fold(at.Message, "")
		}
		t.rows = append(t.rows, row{cells: []cell{
			{text: view.Local(at.At)}, {string(at.Outcome), class}, {text: at.Took.Round(time.Millisecond).String()}, {text: view.ReasonName(at.Reason)},
		}, notes: notes})
	}
	return t
}

// instant formats a time, absolute and relative to now.
func instant(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	return view.Local(at) + " (" + view.Relative(at, now) + ")"
}
