package main

import (
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/web"
)

func (a *app) statusCommand() *cobra.Command {
	var asJSON, check bool
	command := &cobra.Command{
		Use:   "status [NAME…]",
		Short: "Show what the daemon keeps valid, and what is wrong",
		Long: `Show the credentials by urgency and the sinks, with every failure and what can
be done about it. A NAME is a credential, shown with its sinks, or a sink.

With --check nothing is shown but what is not as it should be, on stderr, and
the exit code is 5 unless all credentials are valid and all sinks delivered. A
credential whose renewal fails does not count as valid there, even while its
value is still in force.`,
		Example: `  # what is wrong?
  vigente status
  # for a script
  vigente status --json | jq -r '.credentials[] | [.name, .state, .expires_at] | @tsv'
  # for a check by a monitoring system
  vigente status --check loja`,
		ValidArgsFunction: a.completeNames,
		RunE: a.begin(func(command *cobra.Command, names []string) error {
			snapshot, err := a.client().View(command.Context(), names...)
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				if err := writeReport(a.out, snapshot); err != nil {
					return err
				}
			case !check:
				writeStatus(a.out, snapshot, paint{a.colours(a.Stdout)})
			}
			if verdict := web.Judge(snapshot.View); check && !verdict.Good() {
				return &exitError{exitUnmet, reasonLines(verdict)}
			}
			return nil
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	command.Flags().BoolVar(&check, "check", false, "exit with 5 unless everything is valid and delivered")
	return command
}

func writeReport(w io.Writer, s control.Snapshot) error {
	out := json.NewEncoder(w)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(web.NewReport(s.View, s.Config))
}

// writeStatus shows a snapshot to a person.
func writeStatus(w *printer, s control.Snapshot, p paint) {
	v := s.View
	if s.Config.LastError != "" {
		w.printf("%s the one loaded %s runs on\n", p.class(web.ClassBad, "The last configuration was not accepted;"), web.Relative(s.Config.LoadedAt, v.At))
		for line := range strings.Lines(s.Config.LastError) {
			w.printf("  %s\n", strings.TrimSuffix(line, "\n"))
		}
		w.line("")
	}
	if v.StateError != "" {
		w.printf("%s %s\n\n", p.class(web.ClassBad, "The state cannot be saved:"), v.StateError)
	}
	if len(v.Credentials) > 0 {
		credentialTable(v, p).write(w, p)
	}
	if len(v.Sinks) > 0 {
		if len(v.Credentials) > 0 {
			w.line("")
		}
		sinkTable(v, p).write(w, p)
	}
	if waiting := providerTable(v); len(waiting.rows) > 0 {
		w.line("")
		waiting.write(w, p)
	}
	if len(v.Credentials) == 0 && len(v.Sinks) == 0 {
		w.line("Nothing is configured.")
	}
}

func credentialTable(v engine.View, p paint) table {
	t := table{heads: []string{"CREDENTIAL", "STATE", "GEN", "EXPIRES", "NEXT ATTEMPT", "BECAUSE"}}
	for _, c := range web.ByUrgency(v) {
		next := web.Relative(c.NextAttemptAt, v.At)
		if c.Running {
			next = "running"
		}
		r := row{cells: []cell{
			{text: c.Name},
			{string(c.State), web.Class(c.State)},
			{text: strconv.FormatUint(c.Generation, 10)},
			{text: orDash(web.Relative(c.ExpiresAt, v.At))},
			{text: orDash(next)},
			{text: c.NextReason},
		}}
		r.notes = noteLines(c.LastError, engine.Obtain, c.State, c.Name, v.At, p)
		if c.LastError != nil && c.InForce(v.At) && c.LastUsefulAttemptAt.After(v.At) {
			r.notes = append(r.notes, "service is lost unless it is renewed before "+instant(c.LastUsefulAttemptAt, v.At))
		}
		r.notes = append(r.notes, web.Limits(c.Limits, v.At)...)
		t.rows = append(t.rows, r)
	}
	return t
}

func sinkTable(v engine.View, p paint) table {
	t := table{heads: []string{"SINK", "STATE", "HOLDS", "DELIVERED", "FILE"}}
	for _, s := range web.SinksByUrgency(v) {
		holds := make([]string, 0, len(s.Needs))
		for _, name := range s.Needs {
			holds = append(holds, name+" "+strconv.FormatUint(s.Delivered[name], 10))
		}
		r := row{cells: []cell{
			{text: s.Name},
			{string(s.State), web.SinkClass(s.State)},
			{text: strings.Join(holds, ", ")},
			{text: orDash(web.Relative(s.LastDeliveredAt, v.At))},
			{text: s.Path},
		}}
		r.notes = append(noteLines(s.LastError, engine.Deliver, s.State, s.Name, v.At, p), noteLines(s.HookError, engine.RunHook, s.State, s.Name, v.At, p)...)
		switch {
		case s.HookRunning:
			r.notes = append(r.notes, "on_change is running")
		case s.HookOwed:
			r.notes = append(r.notes, "on_change is still to run")
		}
		t.rows = append(t.rows, r)
	}
	return t
}

// providerTable shows the backends that something waits for.
func providerTable(v engine.View) table {
	t := table{heads: []string{"PROVIDER", "RUNNING", "WAITING", "COOL-DOWN ENDS"}}
	for _, p := range v.Providers {
		if p.Waiting > 0 || !p.CooldownUntil.IsZero() {
			t.rows = append(t.rows, row{cells: []cell{
				{text: p.Name},
				{text: strconv.Itoa(p.Running)},
				{text: strconv.Itoa(p.Waiting)},
				{text: orDash(web.Relative(p.CooldownUntil, v.At))},
			}})
		}
	}
	return t
}

// noteLines says a failure and what to do about it.
func noteLines(n *schedule.Note, kind engine.TaskKind, state engine.State, name string, now time.Time, p paint) []string {
	if n == nil {
		return nil
	}
	what := string(n.Reason)
	if kind == engine.RunHook {
		what = "on_change: " + what
	}
	return []string{
		p.class(web.ClassBad, what) + ", " + web.Relative(n.At, now) + ": " + n.Message,
		p.dim(web.Cure(kind, state, n.Reason, name)),
	}
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
