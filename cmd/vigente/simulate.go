package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/vigented/vigente/daemon/config"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/daemon/simulate"
	"github.com/vigented/vigente/internal/duration"
)

func (a *app) simulateCommand() *cobra.Command {
	var flags scenarioFlags
	var asJSON bool
	command := &cobra.Command{
		Use:   "simulate",
		Short: "Simulate the configuration on a virtual clock: would tokens lapse?",
		Long: `Run your configuration through the real engine on a virtual clock, with outages of
backends, suspensions of the machine and changes of the clock. Print which
credentials would have lapsed, when and for how long, and how many calls each
backend would have received. No backend is called, and only the configuration is
read.

The simulation starts now (or at --from), with all credentials just obtained. START
is a distance from there ("36h", "2d") or a time ("2026-12-24T03:00:00-03:00"). If
the life of a token depends on the provider's answers, a typical one is used; --life
sets another.`,
		Example: `  # a backend that is down for six hours in ten days
  vigente simulate --for 30d --outage vault=10d+6h
  # a laptop that is suspended at night, and tokens that live for ten minutes
  vigente simulate --for 1d --suspend 8h+9h --life vault=10m
  # a clock that is set back by an hour after two days, and corrected a day later
  vigente simulate --step 2d-1h --step 3d+1h`,
		Args: exactly(),
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			scenario := simulate.Scenario{From: time.Now().Truncate(time.Second), Lives: map[string]time.Duration{}}
			if err := flags.read(&scenario); err != nil {
				return &exitError{exitUsage, []string{"vigente: " + err.Error()}}
			}
			opt := a.offline()
			r, err := simulate.Run(command.Context(), load.New(opt.Loading(true)), scenario)
			if _, ok := errors.AsType[*simulate.UnknownProviderError](err); ok {
				return &exitError{exitUsage, []string{"vigente: " + err.Error()}}
			}
			if err != nil {
				return err
			}
			if asJSON {
				return writeRehearsalJSON(a.out, r, scenario)
			}
			writeRehearsal(a.out, r, scenario)
			return nil
		}),
	}
	f := command.Flags()
	f.StringVar(&flags.begin, "from", "", "start of the simulation, in RFC 3339 (default now)")
	f.StringVar(&flags.length, "for", "30d", "length of the simulation")
	f.StringArrayVar(&flags.outages, "outage", nil, "provider=START+LENGTH: an outage of its backend (repeatable)")
	f.StringArrayVar(&flags.suspends, "suspend", nil, "START+LENGTH: the machine is suspended (repeatable)")
	f.StringArrayVar(&flags.steps, "step", nil, "START+LENGTH or START-LENGTH: the clock jumps forward or back (repeatable)")
	f.StringArrayVar(&flags.lives, "life", nil, "provider=LENGTH: the life of its tokens (repeatable)")
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	for _, flag := range []string{"outage", "life"} {
		_ = command.RegisterFlagCompletionFunc(flag, a.completeProviders) // fails for an unknown flag only
	}
	return command
}

// completeProviders offers the providers of the configuration, followed by "=".
func (a *app) completeProviders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	cfg, _ := config.Load(a.configPath(), config.Options{Getenv: a.Getenv, UID: a.UID, ReadFile: leaveUnread})
	var offered []string
	for _, p := range cfg.Providers {
		offered = append(offered, p.Name+"=\t"+p.Type)
	}
	return offered, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// scenarioFlags are the flags of a scenario.
type scenarioFlags struct {
	begin, length                   string
	outages, suspends, steps, lives []string
}

// read reads the flags.
func (f *scenarioFlags) read(s *simulate.Scenario) (err error) {
	if f.begin != "" {
		if s.From, err = time.Parse(time.RFC3339, f.begin); err != nil {
			return fmt.Errorf("--from %q is not a time (expected e.g. 2026-12-24T03:00:00-03:00)", f.begin)
		}
	}
	if s.For, err = duration.Parse(f.length); err != nil || s.For <= 0 {
		return fmt.Errorf("--for %q is not a length (expected e.g. 30d)", f.length)
	}
	for _, text := range f.outages {
		provider, span, ok := strings.Cut(text, "=")
		at, err := readSpan(span, s.From)
		if !ok || err != nil {
			return fmt.Errorf("--outage %q: expected provider=START+LENGTH, e.g. vault=10d+6h", text)
		}
		s.Outages = append(s.Outages, simulate.Outage{Provider: provider, Span: at})
	}
	for _, text := range f.suspends {
		at, err := readSpan(text, s.From)
		if err != nil {
			return fmt.Errorf("--suspend %q: expected START+LENGTH, e.g. 8h+9h", text)
		}
		s.Suspended = append(s.Suspended, at)
	}
	for _, text := range f.steps {
		step, err := readStep(text, s.From)
		if err != nil {
			return fmt.Errorf("--step %q: expected START+LENGTH or START-LENGTH, e.g. 2d-1h", text)
		}
		s.Steps = append(s.Steps, step)
	}
	for _, text := range f.lives {
		provider, life, ok := strings.Cut(text, "=")
		d, err := duration.Parse(life)
		if !ok || err != nil || d <= 0 {
			return fmt.Errorf("--life %q: expected provider=LENGTH, e.g. vault=10m", text)
		}
		s.Lives[provider] = d
	}
	return nil
}

// readSpan reads START+LENGTH.
func readSpan(text string, from time.Time) (engine.Span, error) {
	start, length, err := readDistance(text, "+", from)
	if err == nil && length <= 0 {
		err = fmt.Errorf("no length in %q", text)
	}
	return engine.Span{From: start, To: start.Add(length)}, err
}

// readStep reads START+LENGTH or START-LENGTH.
func readStep(text string, from time.Time) (engine.Step, error) {
	at, by, err := readDistance(text, "+-", from)
	return engine.Step{At: at, By: by}, err
}

// readDistance parses a time and the length after the sign.
func readDistance(text, signs string, from time.Time) (start time.Time, length time.Duration, err error) {
	i := strings.LastIndexAny(text, signs)
	if i < 0 {
		return start, 0, fmt.Errorf("no %s in %q", signs, text)
	}
	if length, err = duration.Parse(text[i+1:]); err != nil {
		return start, 0, err
	}
	if text[i] == '-' {
		length = -length
	}
	if start, err = time.Parse(time.RFC3339, text[:i]); err != nil {
		var distance time.Duration
		distance, err = duration.Parse(text[:i])
		if err == nil && distance < 0 {
			err = fmt.Errorf("%q is before the start", text[:i])
		}
		start = from.Add(distance)
	}
	return start, length, err
}
