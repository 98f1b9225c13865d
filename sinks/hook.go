package sinks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/process"
	"github.com/vigented/vigente/internal/section"
)

const defaultHookTimeout = 30 * time.Second

// Hook runs a command after a sink has changed.
//
// The command gets PATH, HOME, LANG and TZ from the daemon, VIGENTE_SINKS with
// the sinks it runs for, and VIGENTE_SINK with the first of them by name. Its
// input is empty, and its output is discarded because it might contain a
// secret. Processes it leaves in the background are not waited for.
type Hook struct {
	command   []string
	timeout   time.Duration
	together  string
	processes *process.Runner
	// alone is a name; commands with the same name run one at a time. It may be
	// empty.
	alone     string
	exclusive func(ctx context.Context, name string, longest time.Duration, run func(context.Context) error) error
}

// readHook reads on_change; it returns nil if the key is absent.
func readHook(s *section.Section, env Env) *Hook {
	t := s.Table("on_change")
	if t == nil {
		return nil
	}
	h := &Hook{
		command: t.Command("command"), timeout: t.Duration("timeout", defaultHookTimeout),
		processes: env.Processes, alone: t.Text("one_at_a_time", ""), exclusive: env.Exclusive,
	}
	if strings.ContainsAny(h.alone, "/ \t\n") {
		s.Faultf("on_change.one_at_a_time", "%q is not a valid name (expected one without blanks and slashes)", h.alone)
	}
	if !t.Bool("each", false) {
		h.together = h.timeout.String() + "\x00" + h.alone + "\x00" + strings.Join(h.command, "\x00")
	}
	return h
}

// Program returns the path of the program. The error says why the program, or
// the script, cannot be executed.
func (h *Hook) Program() (string, error) {
	path, err := process.Check(h.command[0])
	return path, h.fault(err)
}

// Run implements credential.Hook.
func (h *Hook) Run(ctx context.Context, sinks []string) error {
	run := func(ctx context.Context) error { return h.run(ctx, sinks) }
	if h.alone == "" || h.exclusive == nil {
		return run(ctx)
	}
	return h.exclusive(ctx, h.alone, h.timeout, run)
}

func (h *Hook) run(ctx context.Context, sinks []string) error {
	_, err := h.processes.Run(ctx, process.Command{
		Args: h.command, Timeout: h.timeout, LeaveBackground: true,
		Env: map[string]credential.Secret{
			"VIGENTE_SINK":  credential.NewSecret(sinks[0]),
			"VIGENTE_SINKS": credential.NewSecret(strings.Join(sinks, " ")),
		},
	})
	return h.fault(err)
}

// fault says why a hook did not succeed, and how to fix it.
func (h *Hook) fault(err error) error {
	e, ok := errors.AsType[*process.Error](err)
	if !ok {
		return err
	}
	f := Faultf(err, "hook %v", e)
	switch e.Kind {
	case process.NotFound:
		f.Message += " (create it, or correct on_change.command)"
	case process.NotInPath:
		f.Message += " (install it, or configure its full path)"
	case process.Denied:
		f.Message += " (chmod +x, or let the daemon's user reach it)"
	case process.NoProgram:
		f.Message += " (is it built for another architecture?)"
	case process.Overdue:
		f.Reason = credential.ReasonTimeout
		f.Message = fmt.Sprintf("hook %s: still running after %v, so it was stopped (raise on_change.timeout, or fix the command)", e.Program, h.timeout)
	case process.Stopped:
		f.Reason = credential.ReasonCancelled
	case process.Failed:
		f.Message += " (run it by hand to see what it says; its output is not kept)"
	case process.BadScript, process.NotRun, process.TooMuch:
	}
	return f
}
