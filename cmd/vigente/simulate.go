package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/daemon/refresh"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/sinks"
)

func (a *app) simulateCommand() *cobra.Command {
	var begin, length string
	var outages, suspends, lives []string
	command := &cobra.Command{
		Use:   "simulate",
		Short: "Run the configuration on a virtual clock: when would tokens have lapsed",
		Long: `Run the user's own configuration through the real engine on a virtual clock, with
outages of backends and a machine that sleeps, and print which credentials would
have lapsed, when and for how long, and how many calls each backend would have
seen. No backend is called and nothing is read or written but the configuration.

The simulation begins now (--from: at another instant), with every credential just obtained. START is a
distance from there ("36h", "2d") or an instant ("2026-12-24T03:00:00-03:00").
Where a provider's answers would say how long a token lives, a usual life is
taken; --life sets another.`,
		Example: `  # a backend that is away for six hours in ten days
  vigente simulate --for 30d --outage vault=10d+6h
  # a notebook that sleeps at night, and tokens that live for ten minutes
  vigente simulate --for 1d --suspend 8h+9h --life vault=10m`,
		Args: cobra.NoArgs,
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			scenario := daemon.Scenario{From: time.Now().Truncate(time.Second), Lives: map[string]time.Duration{}}
			if err := readScenario(&scenario, begin, length, outages, suspends, lives); err != nil {
				return &exitError{exitUsage, []string{"vigente: " + err.Error()}}
			}
			r, err := daemon.Simulate(command.Context(), daemon.Options{
				ConfigPath: a.configPath(), Getenv: a.Getenv, UID: a.UID, Logger: zap.NewNop(), LogLevel: zap.NewAtomicLevel(),
				Providers: providers.Catalogue(), Sinks: sinks.Catalogue(),
			}, scenario)
			if err != nil {
				return err
			}
			writeRehearsal(a.out, r, scenario)
			return nil
		}),
	}
	command.Flags().StringVar(&begin, "from", "", "the instant at which the simulated time begins, in RFC 3339 (default now)")
	command.Flags().StringVar(&length, "for", "30d", "how long the simulated time is")
	command.Flags().StringArrayVar(&outages, "outage", nil, "provider=START+LENGTH: its backend does not answer (repeatable)")
	command.Flags().StringArrayVar(&suspends, "suspend", nil, "START+LENGTH: the machine sleeps (repeatable)")
	command.Flags().StringArrayVar(&lives, "life", nil, "provider=LENGTH: how long its tokens live (repeatable)")
	return command
}

// readScenario reads the flags.
func readScenario(s *daemon.Scenario, begin, length string, outages, suspends, lives []string) (err error) {
	if begin != "" {
		if s.From, err = time.Parse(time.RFC3339, begin); err != nil {
			return fmt.Errorf("--from %q is no instant (expected e.g. 2026-12-24T03:00:00-03:00)", begin)
		}
	}
	if s.For, err = schedule.ParseDuration(length); err != nil || s.For <= 0 {
		return fmt.Errorf("--for %q is no length (expected e.g. 30d)", length)
	}
	for _, text := range outages {
		provider, span, ok := strings.Cut(text, "=")
		at, err := readSpan(span, s.From)
		if !ok || err != nil {
			return fmt.Errorf("--outage %q: expected provider=START+LENGTH, e.g. vault=10d+6h", text)
		}
		s.Outages = append(s.Outages, daemon.Outage{Provider: provider, Span: at})
	}
	for _, text := range suspends {
		at, err := readSpan(text, s.From)
		if err != nil {
			return fmt.Errorf("--suspend %q: expected START+LENGTH, e.g. 8h+9h", text)
		}
		s.Suspended = append(s.Suspended, at)
	}
	for _, text := range lives {
		provider, life, ok := strings.Cut(text, "=")
		d, err := schedule.ParseDuration(life)
		if !ok || err != nil || d <= 0 {
			return fmt.Errorf("--life %q: expected provider=LENGTH, e.g. vault=10m", text)
		}
		s.Lives[provider] = d
	}
	return nil
}

// readSpan reads START+LENGTH.
func readSpan(text string, from time.Time) (refresh.Span, error) {
	i := strings.LastIndexByte(text, '+')
	if i < 0 {
		return refresh.Span{}, fmt.Errorf("no + in %q", text)
	}
	length, err := schedule.ParseDuration(text[i+1:])
	if err != nil {
		return refresh.Span{}, err
	}
	start, err := time.Parse(time.RFC3339, text[:i])
	if err != nil {
		distance, err := schedule.ParseDuration(text[:i])
		if err != nil {
			return refresh.Span{}, err
		}
		start = from.Add(distance)
	}
	return refresh.Span{From: start, To: start.Add(length)}, nil
}

// writeRehearsal prints what a simulation showed.
func writeRehearsal(w *printer, r daemon.Rehearsal, s daemon.Scenario) {
	w.printf("simulated %s to %s\n\n", s.From.UTC().Format(time.RFC3339), s.From.Add(s.For).UTC().Format(time.RFC3339))
	good := 0
	for _, c := range r.Credentials {
		if len(c.Lapses) == 0 {
			good++
			continue
		}
		for _, lapse := range c.Lapses {
			w.printf("LAPSED  %s for %s: %s to %s\n", c.Name, lapse.To.Sub(lapse.From).Round(time.Second),
				lapse.From.UTC().Format(time.RFC3339), lapse.To.UTC().Format(time.RFC3339))
		}
	}
	if good < len(r.Credentials) {
		w.printf("\n")
	}
	w.printf("%d of %s never lapsed\n", good, count(len(r.Credentials), "credential"))
	for _, p := range r.Providers {
		w.printf("provider %s: %s, at most %d within a minute\n", p.Name, count(p.Calls, "call"), p.Busiest)
	}
}
