package main

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"time"

	sdnotify "github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
	"github.com/vigented/vigente/internal/process"
)

func (a *app) runCommand() *cobra.Command {
	var once bool
	command := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon",
		Long: `Run the daemon in the foreground until SIGTERM or SIGINT. SIGHUP reloads the
configuration. Logs go to stderr.

With --once, attempt everything that is due once, deliver, and exit. The exit code
is 1 if any credential is not valid or any sink not delivered; they are listed on
stderr.`,
		Example: `  # as the service does
  vigente run
  # from a timer or a script, instead of the daemon
  vigente run --once -c /etc/vigente/config.toml`,
		Args: exactly(),
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			processes, err := a.harden()
			if err != nil {
				return err
			}
			// First of all: the default action of a signal must not hit while
			// the state is open.
			ctx, stop := endingOnSignals(command.Context(), a.early)
			defer stop()
			defer catchInherited(ctx)()
			hangups := listenForHangups()
			a.boundHeap(openHeapGrowth)
			started, err := unlessEnded(ctx, func() (start, error) { return a.start(processes) })
			a.boundHeap(heapGrowth)
			switch {
			case err != nil && !once && interrupted(ctx, err):
				return nil
			case err != nil:
				return err
			}
			defer func() { _ = started.log.Sync() }()
			if once {
				return a.once(ctx, started)
			}
			return a.serve(ctx, started, hangups)
		}),
	}
	command.Flags().BoolVar(&once, "once", false, "attempt everything that is due once, deliver, and exit")
	return command
}

// start is an open daemon and its log.
type start struct {
	service
	log *zap.Logger
}

// start opens the daemon. If the configuration or the state is on a file system
// that hangs, it may never return.
func (a *app) start(processes *process.Runner) (start, error) {
	opt := a.daemonOptions()
	opt.Processes = processes
	d, err := a.open(opt)
	return start{d, opt.Logger}, err
}

// heapGrowth is by how many percent the heap may grow between two collections. Most
// of it is what a fleet holds for good: at the usual 100 percent the peak is twice
// that. A smaller share costs a few percent of the CPU of a cold start, and nothing
// while the daemon is idle.
const heapGrowth = 40

// openHeapGrowth is heapGrowth while the configuration and the state are read: the heap
// has not its final size yet, so a larger share saves collections and adds less to the
// peak.
const openHeapGrowth = 70

// readyHeapGrowth is heapGrowth once the daemon is ready. It then allocates so little
// that even a collection of a large heap is rare: ten thousand renewals allocate half
// a gigabyte.
const readyHeapGrowth = 20

// boundHeap sets how much the heap may grow, unless the environment says otherwise.
func (a *app) boundHeap(percent int) {
	if a.Getenv("GOGC") == "" {
		debug.SetGCPercent(percent)
	}
}

// daemonOptions reads the settings of the log, which the daemon needs before it
// can report what is wrong with the rest.
func (a *app) daemonOptions() daemon.Options {
	cfg, _ := config.Load(a.configPath(), config.Options{Getenv: a.Getenv, UID: a.UID, ReadFile: leaveUnread})
	log := a.newLogger(cfg.Log, a.Stderr)
	build := buildOf()
	opt := daemon.Options{
		ConfigPath: a.configPath(), Getenv: a.Getenv, UID: a.UID, Logger: log.Logger, LogLevel: log.level, LogLinesDropped: log.queue.Dropped,
		Version: build.version, Revision: build.revision,
		Providers: providerKinds(), Sinks: sinkKinds(),
		Ready: func() { a.boundHeap(readyHeapGrowth) },
	}
	if a.Getenv("NOTIFY_SOCKET") != "" {
		opt.Notify = func(state string) {
			if _, err := sdnotify.SdNotify(false, state); err != nil {
				log.Warn("service manager not told", zap.Error(err))
			}
		}
		if every, err := sdnotify.SdWatchdogEnabled(false); err == nil {
			opt.WatchdogEvery = every
		}
	}
	return opt
}

// serve runs the daemon until ctx ends. The daemon itself reports a failed reload
// in log, status and metrics.
func (a *app) serve(ctx context.Context, d service, hangups <-chan os.Signal) error {
	done := onHangup(ctx, hangups, func() { _, _ = d.Reload(ctx, control.ReloadOptions{}) })
	defer done()
	err := d.Run(ctx)
	if interrupted(ctx, err) {
		return nil
	}
	if err == nil {
		err = errors.New("the daemon stopped unexpectedly")
	}
	return err
}

// once attempts what is due and lists on stderr what is not in order.
func (a *app) once(ctx context.Context, d service) error {
	begun := time.Now()
	v, err := d.Once(ctx)
	if err != nil {
		return err
	}
	lines := append(reasonLines(view.Judge(v)), laterLines(v, begun)...)
	for _, f := range d.Config().Fleets {
		if f.Problem != "" {
			lines = append(lines, "fleet "+f.Name+": empty, because its table cannot be used: "+f.Problem)
		}
	}
	if v.StateError != "" { // The new tokens are lost with this process.
		lines = append(lines, "state: cannot be saved: "+v.StateError)
	}
	if len(lines) == 0 {
		return nil
	}
	return &exitError{exitFailed, lines}
}

// laterLines tells when the next run can retry what has failed. A run before that
// calls nothing, and shows the failure of an earlier run.
func laterLines(v engine.View, begun time.Time) (lines []string) {
	for i := range v.Credentials {
		c := &v.Credentials[i]
		if c.LastError == nil || c.State == engine.Valid || !c.NextAttemptAt.After(v.At) {
			continue
		}
		line := "credential " + c.Name + ": next attempt from " + view.Local(c.NextAttemptAt) + ": " + c.NextReason
		if c.LastError.At.Before(begun) {
			line = "credential " + c.Name + ": not tried in this run; next attempt from " + view.Local(c.NextAttemptAt) + ": " + c.NextReason
		}
		lines = append(lines, line)
	}
	return lines
}

// reasonLines returns one line per reason.
func reasonLines(verdict view.Readiness) []string {
	lines := make([]string, 0, len(verdict.Reasons))
	for _, reason := range verdict.Reasons {
		lines = append(lines, reason.String())
	}
	return lines
}
