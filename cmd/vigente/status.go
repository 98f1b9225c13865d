package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/view"
)

// rowsForPeople is the default number of rows.
const rowsForPeople = 50

func (a *app) statusCommand() *cobra.Command {
	var asJSON, check, machines bool
	var limit int
	var chosen selection
	command := &cobra.Command{
		Use:   "status [NAME…]",
		Short: "Show the state of credentials and sinks, and how to fix failures",
		Long: `Show an overall verdict, then the credentials and sinks, the worst first, with each
failure and its fix. A NAME is a credential, shown with its sinks, or a sink.
` + selectionHelp + `

Up to 50 of each are shown, with the totals; --limit changes the number. JSON
contains the whole selection unless --limit is set.

With --check, only problems are printed, on stderr, and the exit code is 5 unless
all credentials are valid and all sinks delivered. A credential whose renewal fails
does not count as valid there, even while its token still works.`,
		Example: `  # what is wrong?
  vigente status
  # the failing ones of a fleet
  vigente status --fleet shops --state failing
  # for a script
  vigente status --json | jq -r '.credentials[] | [.name, .state, .expires_at] | @tsv'
  # for a monitoring system
  vigente status --check loja`,
		Args: func(*cobra.Command, []string) error {
			if limit < 0 {
				return fmt.Errorf("--limit %d is less than 0", limit)
			}
			return chosen.check()
		},
		ValidArgsFunction: a.completeNames,
		RunE: a.begin(func(command *cobra.Command, names []string) error {
			if machines {
				s, err := a.client().Cluster(command.Context())
				if err == nil && asJSON {
					return a.document(s)
				}
				if err == nil {
					writeCluster(a.out, s)
				}
				return err
			}
			q := chosen.query(command, names)
			if q.Limit = limit; limit == 0 && !asJSON && !check {
				q.Limit = rowsForPeople
			}
			snapshot, err := a.client().Select(command.Context(), q)
			if err != nil {
				return err
			}
			switch {
			case asJSON:
				if err := a.document(view.NewReport(snapshot.View, snapshot.Config)); err != nil {
					return err
				}
			case !check && chosen.narrows(command) && len(snapshot.View.Credentials)+len(snapshot.View.Sinks) == 0:
				a.out.line("Nothing matches.")
			case !check:
				writeStatus(a.out, snapshot, a.lookFor(a.Stdout))
			}
			if verdict := view.Judge(snapshot.View); check && !verdict.Good() {
				return &exitError{exitUnmet, reasonLines(verdict)}
			}
			return nil
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	command.Flags().BoolVar(&machines, "cluster", false, "show the machines of the cluster")
	command.Flags().BoolVar(&check, "check", false, "exit with 5 unless everything is valid and delivered")
	command.Flags().IntVar(&limit, "limit", 0, "show at most `N` credentials and N sinks (default 50; all with --json)")
	chosen.flags(command)
	return command
}

// writeStatus prints a snapshot for people.
func writeStatus(w *printer, s control.Snapshot, p look) {
	v := s.View
	headline := view.HeadlineOf(v, s.Config)
	w.line(p.class(headline.Class, headline.Words))
	writeConfig(w, s, p)
	if len(v.Credentials) > 0 {
		w.line("")
		credentialTable(v, p).write(w, p.paint)
		more(w, len(v.Credentials), v.Totals.Credentials, "credentials")
	}
	if len(v.Sinks) > 0 {
		w.line("")
		sinkTable(v, p).write(w, p.paint)
		more(w, len(v.Sinks), v.Totals.Sinks, "sinks")
	}
	if waiting := providerTable(v); len(waiting.rows) > 0 {
		w.line("")
		waiting.write(w, p.paint)
	}
	if totals := totalsOf(v.Totals); totals != "" {
		w.printf("\n%s\n", totals)
	}
}

// writeConfig prints the problems of the configuration, the state, the listener
// and the cluster.
func writeConfig(w *printer, s control.Snapshot, p look) {
	c, v := s.Config, s.View
	paragraph := func(head, text string) {
		w.printf("\n%s\n", p.class(view.ClassBad, head))
		for line := range strings.Lines(text) {
			for _, part := range p.fold(strings.TrimSuffix(line, "\n"), "  ") {
				w.line(part)
			}
		}
	}
	if c.LastError != "" {
		paragraph("The new configuration was refused. Still running the configuration loaded at "+view.Local(c.LoadedAt)+":", c.LastError)
	}
	if v.StateError != "" {
		paragraph("The state cannot be saved:", v.StateError)
	}
	if c.Listener != "" {
		paragraph("The HTTP listener is not available; it is retried automatically:", c.Listener)
	}
	if c.Cluster != "" {
		paragraph("The machines that share credentials:", c.Cluster)
	}
	for _, warning := range c.Warnings {
		paragraph("Missing, while "+warning.Credential+" continues with the value that it read before:", warning.Path+": "+warning.Message)
	}
	for _, f := range c.Fleets {
		if f.Problem != "" {
			paragraph("Fleet "+f.Name+" is empty, because its table cannot be used:", f.Problem)
		}
		if f.Bad == 0 {
			continue
		}
		paragraph(fmt.Sprintf("Fleet %s: %d of %d rows cannot be used:", f.Name, f.Bad, f.Good+f.Bad),
			strings.Join(f.BadRows[:min(len(f.BadRows), rowsForPeople)], "\n"))
	}
	for _, line := range limitLines(c.Limits, v.At) {
		w.line("The listener: " + line)
	}
}

// more prints how many rows are not shown.
func more(w *printer, shown int, totals map[engine.State]int, what string) {
	all := 0
	for _, n := range totals {
		all += n
	}
	if all > shown {
		w.printf("… and %d more %s (--limit shows more)\n", all-shown, what)
	}
}

// totalsOf counts the selection by state, without empty states.
func totalsOf(t engine.Totals) string {
	var parts []string
	add := func(noun string, states []engine.State, totals map[engine.State]int) {
		var some []string
		all := 0
		for _, state := range states {
			if n := totals[state]; n > 0 {
				some = append(some, strconv.Itoa(n)+" "+string(state))
				all += n
			}
		}
		if all > 0 {
			parts = append(parts, count(all, noun)+": "+strings.Join(some, ", "))
		}
	}
	add("credential", engine.CredentialStates[:], t.Credentials)
	add("sink", engine.SinkStates[:], t.Sinks)
	return strings.Join(parts, "; ")
}

func credentialTable(v engine.View, p look) table {
	t := table{heads: []string{"CREDENTIAL", "STATE", "GEN", "EXPIRES", "NEXT ATTEMPT", "BECAUSE"}}
	for _, c := range v.Credentials {
		next := view.Relative(c.NextAttemptAt, v.At)
		if c.Running {
			next = "running"
		}
		expires := view.Relative(c.ExpiresAt, v.At)
		if c.ExpiresAt.IsZero() && !c.RenewBy.IsZero() {
			expires = "not stated"
		}
		r := row{cells: []cell{
			{text: c.Name},
			{string(c.State), view.Class(c.State)},
			{text: strconv.FormatUint(c.Generation, 10)},
			{text: orDash(expires)},
			{text: orDash(next)},
			{text: c.NextReason},
		}}
		r.notes = p.noteLines(c.LastError, "", view.CredentialAdvice(c), v.At)
		if c.LastError != nil && c.InForce(v.At) && c.LastUsefulAttemptAt.After(v.At) {
			r.notes = append(r.notes, "the token expires unless a renewal succeeds before "+instant(c.LastUsefulAttemptAt, v.At))
		}
		if !c.PausedUntil.IsZero() {
			r.notes = append(r.notes, "paused "+pauseEnd(c.PausedUntil)+" (vigente resume "+c.Name+" ends it)")
		}
		r.notes = append(r.notes, limitLines(view.LimitsOf(c.Limits), v.At)...)
		t.rows = append(t.rows, r)
	}
	return t
}

// pauseEnd tells until when something is paused.
func pauseEnd(until time.Time) string {
	if until.Year() >= view.EndlessYear {
		return "until it is resumed"
	}
	return "until " + view.Local(until)
}

// limitLines lists what ends soon and cannot be renewed automatically.
func limitLines(limits []view.Limit, now time.Time) (lines []string) {
	for _, l := range view.LimitsSoon(limits, now) {
		lines = append(lines, fmt.Sprintf(view.LimitForm(l, now), view.LimitNames[l.Kind], view.Relative(l.EndsAt.Time, now)))
	}
	return lines
}

func sinkTable(v engine.View, p look) table {
	t := table{heads: []string{"SINK", "STATE", "HOLDS", "DELIVERED", "FILE"}}
	for _, s := range v.Sinks {
		holds := make([]string, 0, len(s.Needs))
		for _, name := range s.Needs {
			holds = append(holds, name+" "+strconv.FormatUint(s.Delivered[name], 10))
		}
		r := row{cells: []cell{
			{text: s.Name},
			{string(s.State), view.SinkClass(s.State)},
			{text: strings.Join(holds, ", ")},
			{text: orDash(view.Relative(s.LastDeliveredAt, v.At))},
			{text: s.Path},
		}}
		if s.LastError != nil {
			r.notes = p.noteLines(s.LastError, "", view.SinkFix(s), v.At)
		}
		r.notes = append(r.notes, p.noteLines(s.HookError, "on_change: ", view.HookFix(s), v.At)...)
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

// providerTable lists the backends that credentials are waiting for.
func providerTable(v engine.View) table {
	t := table{heads: []string{"PROVIDER", "RUNNING", "WAITING", "COOL-DOWN ENDS"}}
	for _, p := range v.Providers {
		if p.Waiting > 0 || !p.CooldownUntil.IsZero() {
			t.rows = append(t.rows, row{cells: []cell{
				{text: p.Name},
				{text: strconv.Itoa(p.Running)},
				{text: strconv.Itoa(p.Waiting)},
				{text: orDash(view.Relative(p.CooldownUntil, v.At))},
			}})
		}
	}
	return t
}

// noteLines returns a failure, the places to edit, and the fix.
func (p look) noteLines(n *schedule.Note, head, fix string, now time.Time) []string {
	if n == nil {
		return nil
	}
	message, places := view.Places(n.Message)
	reason := head + view.ReasonName(n.Reason)
	lines := p.fold(reason+", "+view.Relative(n.At, now)+": "+message, "")
	lines[0] = strings.Replace(lines[0], reason, p.class(view.ClassBad, reason), 1)
	for _, place := range places {
		lines = append(lines, "edit "+place.Where+" ("+place.Key+")")
	}
	for _, line := range p.fold(fix, "") {
		lines = append(lines, p.dim(line))
	}
	return lines
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
