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
		Short: "Run the configuration on a virtual clock: when would tokens have lapsed",
		Long: `Run the user's own configuration through the real engine on a virtual clock, with
outages of backends, a machine that sleeps and a clock that is set, and print
which credentials would have lapsed, when and for how long, and how many calls
each backend would have seen. No backend is called and nothing is read or written but the configuration.

The simulation begins now (--from: at another instant), with every credential just obtained. START is a
distance from there ("36h", "2d") or an instant ("2026-12-24T03:00:00-03:00").
Where a provider's answers would say how long a token lives, a usual life is
taken; --life sets another.`,
		Example: `  # a backend that is away for six hours in ten days
  vigente simulate --for 30d --outage vault=10d+6h
  # a notebook that sleeps at night, and tokens that live for ten minutes
  vigente simulate --for 1d --suspend 8h+9h --life vault=10m
  # a clock that is set back by an hour after two days, and put right a day later
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
	f.StringVar(&flags.begin, "from", "", "the instant at which the simulated time begins, in RFC 3339 (default now)")
	f.StringVar(&flags.length, "for", "30d", "how long the simulated time is")
	f.StringArrayVar(&flags.outages, "outage", nil, "provider=START+LENGTH: its backend does not answer (repeatable)")
	f.StringArrayVar(&flags.suspends, "suspend", nil, "START+LENGTH: the machine sleeps (repeatable)")
	f.StringArrayVar(&flags.steps, "step", nil, "START+LENGTH or START-LENGTH: the clock is set forward or back (repeatable)")
	f.StringArrayVar(&flags.lives, "life", nil, "provider=LENGTH: how long its tokens live (repeatable)")
	f.BoolVar(&asJSON, "json", false, "print one JSON document")
	for _, flag := range []string{"outage", "life"} {
		_ = command.RegisterFlagCompletionFunc(flag, a.completeProviders) // fails for an unknown flag only
	}
	return command
}

// completeProviders offers the providers of the configuration, as these flags
// begin.
func (a *app) completeProviders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	cfg, _ := config.Load(a.configPath(), config.Options{Getenv: a.Getenv, UID: a.UID, ReadFile: leaveUnread})
	var offered []string
	for _, p := range cfg.Providers {
		offered = append(offered, p.Name+"=\t"+p.Type)
	}
	return offered, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// scenarioFlags are a scenario as it is typed.
type scenarioFlags struct {
	begin, length                   string
	outages, suspends, steps, lives []string
}

// read reads the flags.
func (f *scenarioFlags) read(s *simulate.Scenario) (err error) {
	if f.begin != "" {
		if s.From, err = time.Parse(time.RFC3339, f.begin); err != nil {
			return fmt.Errorf("--from %q is no instant (expected e.g. 2026-12-24T03:00:00-03:00)", f.begin)
		}
	}
	if s.For, err = duration.Parse(f.length); err != nil || s.For <= 0 {
		return fmt.Errorf("--for %q is no length (expected e.g. 30d)", f.length)
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

// readDistance reads an instant and a length that follows one of the signs.
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
			err = fmt.Errorf("%q is before the beginning", text[:i])
		}
		start = from.Add(distance)
	}
	return start, length, err
}
