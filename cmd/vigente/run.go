package main

import (
	"context"
	"errors"
	"os"
	"time"

	sdnotify "github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
)

func (a *app) runCommand() *cobra.Command {
	var once bool
	command := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon",
		Long: `Run the daemon in the foreground until SIGTERM or SIGINT. SIGHUP reads the
configuration again. Logs go to stderr.

With --once, each thing that is due is tried once and delivered, and the program
ends: with exit code 1 when any credential or sink is not good, each named on
stderr.`,
		Example: `  # as a service does
  vigente run
  # from a timer or a script, in place of the daemon
  vigente run --once -c /etc/vigente/config.toml`,
		Args: exactly(),
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			processes, err := a.harden()
			if err != nil {
				return err
			}
			// Before anything else: a signal must not meet its default action
			// while the state is open.
			ctx, stop := endingOnSignals(command.Context(), a.early)
			defer stop()
			defer catchInherited(ctx)()
			hangups := listenForHangups()
			opt := a.daemonOptions()
			opt.Processes = processes
			d, err := a.open(opt)
			if err != nil {
				return err
			}
			defer func() { _ = opt.Logger.Sync() }()
			if once {
				return a.once(ctx, d)
			}
			return a.serve(ctx, d, hangups)
		}),
	}
	command.Flags().BoolVar(&once, "once", false, "try each due thing once, deliver, and end")
	return command
}

// daemonOptions reads the log's settings, which the daemon's logger needs
// before the daemon can say what is wrong with the rest.
func (a *app) daemonOptions() daemon.Options {
	cfg, _ := config.Load(a.configPath(), config.Options{Getenv: a.Getenv, UID: a.UID, ReadFile: leaveUnread})
	log := a.newLogger(cfg.Log, a.Stderr)
	build := buildOf()
	opt := daemon.Options{
		ConfigPath: a.configPath(), Getenv: a.Getenv, UID: a.UID, Logger: log.Logger, LogLevel: log.level, LogLinesDropped: log.queue.Dropped,
		Version: build.version, Revision: build.revision,
		Providers: providerKinds(), Sinks: sinkKinds(),
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

// serve runs the daemon until ctx ends. A reload that fails is said by the
// daemon: log, status and metrics.
func (a *app) serve(ctx context.Context, d service, hangups <-chan os.Signal) error {
	done := onHangup(ctx, hangups, func() { _, _ = d.Reload(ctx, control.ReloadOptions{}) })
	defer done()
	err := d.Run(ctx)
	if interrupted(ctx, err) {
		return nil
	}
	if err == nil {
		err = errors.New("the daemon ended without having been asked to")
	}
	return err
}

// once runs what is due and names on stderr what is not good.
func (a *app) once(ctx context.Context, d service) error {
	begun := time.Now()
	v, err := d.Once(ctx)
	if err != nil {
		return err
	}
	lines := append(reasonLines(view.Judge(v)), laterLines(v, begun)...)
	if v.StateError != "" { // What was obtained ends with this process.
		lines = append(lines, "state: cannot be saved: "+v.StateError)
	}
	if len(lines) == 0 {
		return nil
	}
	return &exitError{exitFailed, lines}
}

// laterLines says when the next run can try what has failed. A run that comes
// too early for it calls nothing, and repeats the failure of an earlier one.
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

// reasonLines says each reason on a line.
func reasonLines(verdict view.Readiness) []string {
	lines := make([]string, 0, len(verdict.Reasons))
	for _, reason := range verdict.Reasons {
		lines = append(lines, reason.String())
	}
	return lines
}
