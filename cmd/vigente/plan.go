package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
)

func (a *app) planCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "plan [FILE]",
		Short: "Show what a reload would change",
		Long: `Show what a reload would change if FILE replaced the file of the running
configuration: what is added, removed and changed, which credentials are renewed
and why, which are only rescheduled, which files are rewritten, which commands run
afterwards, and what needs a restart. Nothing is changed and no backend is called.
Without FILE, the configuration's own file is read as it is now: the daemon applies
most edits within seconds, but keeps the old configuration while the new one is
invalid or has yet to be accepted.

FILE and the files that it includes are read as the current user; relative paths
start at its folder. The daemon reads the secrets and certificates. If FILE is
invalid, the errors are printed and the exit code is 3.`,
		Example: `  # edit a copy next to the configuration, and preview it
  vigente plan /etc/vigente/config.new.toml
  # for a script: is anything renewed?
  vigente plan new.toml --json | jq -r '.credentials[] | select(.renewed != "") | .name'`,
		Args: atMost("FILE"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"toml"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: a.begin(func(command *cobra.Command, args []string) error {
			file := a.configPath()
			if len(args) > 0 {
				file = args[0]
			}
			sources, faults := config.Gather(file, config.Options{Getenv: a.Getenv, UID: a.UID, ReadFile: leaveUnread})
			if len(faults) > 0 {
				lines := make([]string, len(faults))
				for i, f := range faults {
					lines[i] = f.Error()
				}
				if _, err := a.client().Select(command.Context(), engine.Query{Limit: 1}); err != nil {
					return err
				}
				return &exitError{exitConfig, lines}
			}
			sent := make([]control.Source, len(sources))
			for i, s := range sources {
				sent[i] = control.Source(s)
			}
			d, err := a.client().Plan(command.Context(), sent)
			switch {
			case err != nil:
				return err
			case len(d.Faults) > 0:
				return &exitError{exitConfig, asNamed(d.Faults, file)}
			case asJSON:
				return a.document(d)
			}
			writePlan(a.out, d, paint{a.colours(a.Stdout)})
			return nil
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return command
}

// asNamed shows the main file in faults as the user typed it; the daemon only
// knows its absolute path.
func asNamed(faults []string, file string) []string {
	absolute, err := filepath.Abs(file)
	if err != nil {
		return faults
	}
	lines := make([]string, len(faults))
	for i, f := range faults {
		lines[i] = f
		if rest, ok := strings.CutPrefix(f, absolute+":"); ok {
			lines[i] = file + ":" + rest
		}
	}
	return lines
}

// marks show what happens to an object, as in a diff.
var marks = map[control.Action]string{control.Added: "+", control.Removed: "-", control.Changed: "~", control.Kept: " "}

var actionClasses = map[control.Action]string{
	control.Added: view.ClassGood, control.Removed: view.ClassBad, control.Changed: view.ClassWarn,
}

// writePlan prints a difference for people.
func writePlan(w *printer, d control.Difference, p paint) {
	if d.Nothing() {
		w.line("Nothing changes.")
		return
	}
	s := &sheet{printer: w, paint: p}
	for _, c := range d.Restart {
		text := fmt.Sprintf("%s: %s → %s requires a restart", c.Key, quoted(c.Was), quoted(c.Is))
		if c.Refused {
			text += "; a reload is refused until then"
		}
		s.entry("Restart", p.class(view.ClassBad, "!"), text)
	}
	for _, c := range d.Settings {
		s.entry("Settings", p.class(view.ClassWarn, "~"), fmt.Sprintf("%s: %s → %s", c.Key, quoted(c.Was), quoted(c.Is)))
	}
	for _, c := range d.Providers {
		s.object("Providers", c.Action, c.Name, c.Keys)
	}
	for _, c := range d.Credentials {
		s.object("Credentials", c.Action, c.Name, c.Keys)
		for _, line := range credentialLines(c, d.At) {
			s.note(line)
		}
	}
	for _, c := range d.Sinks {
		s.object("Sinks", c.Action, c.Name+" ("+c.Path+")", c.Keys)
		for _, line := range sinkLines(c) {
			s.note(line)
		}
	}
	w.line("")
	w.line(summary(d))
}

// sheet writes entries below headings.
type sheet struct {
	*printer
	paint paint
	head  string
}

func (s *sheet) entry(head, mark, text string) {
	if s.head != head {
		if s.head != "" {
			s.line("")
		}
		s.line(s.paint.bold(head))
		s.head = head
	}
	s.line("  " + mark + " " + text)
}

func (s *sheet) object(head string, action control.Action, name string, keys []string) {
	text := name + ": " + string(action)
	if len(keys) > 0 {
		text += " (" + strings.Join(keys, ", ") + ")"
	}
	s.entry(head, s.paint.class(actionClasses[action], marks[action]), text)
}

func (s *sheet) note(text string) { s.line("      " + text) }

func quoted(text string) string {
	if text == "" {
		return `""`
	}
	return text
}

// credentialLines tell what happens to a credential.
func credentialLines(c control.CredentialChange, now time.Time) []string {
	if c.Action == control.Removed {
		return []string{"its metrics are removed; its record is kept for an hour"}
	}
	reason := map[string]string{
		"new": "it is new", "identity": "its identity at the backend changed", "inputs": "its secrets or keys changed",
	}[c.Renewed]
	switch {
	case reason != "" && c.NextIs == nil:
		return []string{"is renewed, because " + reason + ": " + c.Why}
	case reason != "" && c.NextIs.After(now):
		return []string{"is renewed " + view.Relative(*c.NextIs, now) + ", because " + reason + ": " + c.Why}
	case reason != "":
		return []string{"is renewed at once, because " + reason}
	case c.NextIs == nil:
		return []string{"is not renewed: " + c.Why}
	case c.Retimed():
		return []string{fmt.Sprintf("is not renewed, but rescheduled: %s → %s (%s)", view.Local(*c.NextWas), view.Local(*c.NextIs), c.Why)}
	}
	return []string{"is not renewed"}
}

// sinkLines tell what happens to a sink.
func sinkLines(c control.SinkChange) []string {
	var lines []string
	switch {
	case c.Action == control.Removed:
		return []string{"its file keeps its content"}
	case c.Problem != "":
		lines = append(lines, "would fail: "+c.Problem)
	case c.Rewritten && len(c.After) > 0:
		lines = append(lines, "the file is rewritten at once, and again after the renewal of "+strings.Join(c.After, ", "))
	case c.Rewritten:
		lines = append(lines, "the file is rewritten")
	case len(c.After) > 0:
		lines = append(lines, "the file is rewritten after the renewal of "+strings.Join(c.After, ", "))
	case len(c.Missing) > 0:
		lines = append(lines, "is written once there is a value for "+strings.Join(c.Missing, ", "))
	default:
		lines = append(lines, "the file is not changed")
	}
	if c.Hook {
		lines = append(lines, "its on_change command runs afterwards")
	}
	if c.LeftBehind != "" {
		lines = append(lines, c.LeftBehind+" keeps its content")
	}
	return lines
}

// summary counts the main changes.
func summary(d control.Difference) string {
	var renewed, retimed, rewritten, hooks int
	for _, c := range d.Credentials {
		switch {
		case c.Renewed != "":
			renewed++
		case c.Retimed():
			retimed++
		}
	}
	for _, s := range d.Sinks {
		if s.Rewritten || len(s.After) > 0 {
			rewritten++
		}
		if s.Hook {
			hooks++
		}
	}
	return fmt.Sprintf("%s renewed, %d rescheduled, %s rewritten, %s run",
		count(renewed, "credential"), retimed, count(rewritten, "file"), count(hooks, "command"))
}
