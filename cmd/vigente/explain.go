package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/web"
)

func (a *app) explainCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "explain NAME",
		Short: "Say why the next attempt is when it is, and how the last ones went",
		Long: `Print when a credential is renewed next, why at that second, and which key of
the configuration fixed it; then its last ten attempts, the newest first.`,
		Example:           "  vigente explain loja\n  vigente explain loja --json | jq -r .next_rule",
		Args:              exactly("NAME"),
		ValidArgsFunction: a.completeOneCredential,
		RunE: a.begin(func(command *cobra.Command, args []string) error {
			snapshot, err := a.client().Explain(command.Context(), args[0])
			if err != nil {
				return err
			}
			if len(snapshot.View.Credentials) == 0 {
				return &exitError{exitUsage, []string{"vigente: " + args[0] + " is a sink (expected a credential); see vigente status " + args[0]}}
			}
			if asJSON {
				return a.document(explanationOf(snapshot.View))
			}
			writeExplanation(a.out, snapshot.View, paint{a.colours(a.Stdout)})
			return nil
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return command
}

// explanation is what explain tells programs: what status tells, and why. No
// secret is in it.
type explanation struct {
	Format int `json:"format"`
	web.CredentialReport
	NextRule      string    `json:"next_rule"`
	CooldownUntil string    `json:"cooldown_until"`
	Attempts      []attempt `json:"attempts"` // the newest first
}

type attempt struct {
	At          string  `json:"at"`
	TookSeconds float64 `json:"took_seconds"`
	Outcome     string  `json:"outcome"`
	Reason      string  `json:"reason"`
	Message     string  `json:"message"`
}

func explanationOf(v engine.View) explanation {
	c := v.Credentials[0]
	e := explanation{Format: 1, CredentialReport: web.NewCredentialReport(c), NextRule: c.NextRule, Attempts: []attempt{}}
	for _, p := range v.Providers {
		if p.Name == c.Provider {
			e.CooldownUntil = web.Stamp(p.CooldownUntil)
		}
	}
	for _, at := range slices.Backward(c.History) {
		e.Attempts = append(e.Attempts, attempt{web.Stamp(at.At), at.Took.Seconds(), string(at.Outcome), string(at.Reason), at.Message})
	}
	return e
}

func writeExplanation(w *printer, v engine.View, p paint) {
	c := v.Credentials[0]
	line := func(head, text string) {
		if text != "" {
			w.printf("%-15s%s\n", head, text)
		}
	}
	line("credential", c.Name+" (provider "+c.Provider+", "+c.Type+")")
	line("state", p.class(web.Class(c.State), string(c.State)))
	line("generation", fmt.Sprint(c.Generation))
	line("issued", instant(c.IssuedAt, v.At))
	line("expires", instant(c.ExpiresAt, v.At))
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
	for _, limit := range c.Limits {
		line(strings.ReplaceAll(limit.Kind, "_", " "), "ends "+instant(limit.EndsAt, v.At))
	}
	for _, provider := range v.Providers {
		if provider.Name == c.Provider && !provider.CooldownUntil.IsZero() {
			line("cool-down", "the backend is left alone until "+instant(provider.CooldownUntil, v.At))
		}
	}
	for _, note := range noteLines(c.LastError, engine.Obtain, c.State, c.Name, v.At, p) {
		line("", note)
	}
	w.line("")
	if len(c.History) == 0 {
		w.line("No attempt yet.")
		return
	}
	attemptTable(c.History).write(w, p)
}

// attemptTable shows the newest attempt first.
func attemptTable(history []schedule.Attempt) table {
	t := table{heads: []string{"ATTEMPT AT", "OUTCOME", "TOOK", "REASON"}}
	for _, at := range slices.Backward(history) {
		class := web.ClassGood
		if at.Outcome == schedule.Failed {
			class = web.ClassBad
		}
		reason := string(at.Reason)
		if at.Message != "" {
			reason += ": " + at.Message
		}
		t.rows = append(t.rows, row{cells: []cell{
			{text: at.At.UTC().Format(time.RFC3339)}, {string(at.Outcome), class}, {text: at.Took.Round(time.Millisecond).String()}, {text: reason},
		}})
	}
	return t
}

// instant says an instant in full and as seen from now.
func instant(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339) + " (" + web.Relative(at, now) + ")"
}
