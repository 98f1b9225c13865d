package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/refresh"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/status"
)

func (a *app) explainCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "explain NAME",
		Short: "Say why the next attempt is when it is, and how the last ones went",
		Long: `Print when a credential is renewed next, why at that second, and which key of
the configuration fixed it; then its last ten attempts, the newest first.`,
		Example:           "  vigente explain loja",
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeOneName,
		RunE: a.begin(func(command *cobra.Command, args []string) error {
			snapshot, err := a.client().Explain(command.Context(), args[0])
			if err != nil {
				return err
			}
			if len(snapshot.View.Credentials) == 0 {
				return &exitError{exitUsage, []string{"vigente: " + args[0] + " is a sink (expected a credential); see vigente status " + args[0]}}
			}
			writeExplanation(a.out, snapshot.View, paint{a.colours(a.Stdout)})
			return nil
		}),
	}
}

func writeExplanation(w *printer, v refresh.View, p paint) {
	c := v.Credentials[0]
	line := func(head, text string) {
		if text != "" {
			w.printf("%-15s%s\n", head, text)
		}
	}
	line("credential", c.Name+" (provider "+c.Provider+", "+c.Type+")")
	line("state", p.class(status.Class(c.State), string(c.State)))
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
	for _, note := range noteLines(c.LastError, refresh.Obtain, c.Name, v.At, p) {
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
		class := status.ClassGood
		if at.Outcome == schedule.Failed {
			class = status.ClassBad
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
	return at.UTC().Format(time.RFC3339) + " (" + status.Relative(at, now) + ")"
}
