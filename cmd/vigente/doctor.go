package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/doctor"
	"github.com/vigented/vigente/daemon/view"
)

func (a *app) doctorCommand() *cobra.Command {
	var asJSON, service bool
	command := &cobra.Command{
		Use:   "doctor",
		Short: "Check that the configuration works on this machine, without renewing anything",
		Long: `Check, as the current user and in the current sandbox, that the state and every
sink can be written, renamed and given its owner, that every hook exists, and that
every backend can be reached: its name, its TLS and its clock. Nothing is renewed
and no sink is changed. Exits with 1 if anything would fail, each with the fix.

With --service, as root, run the checks as a service with all settings of
vigente.service and its drop-ins: its user, its sandbox, its secrets. If the
sandbox is in the way, the missing lines of the unit are printed.`,
		Example: `  # what would fail for the service, and the missing lines of its unit
  sudo vigente doctor --service
  # as the current user
  vigente doctor`,
		Args: exactly(),
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			if service {
				if a.UID != 0 {
					return errors.New("run the doctor as the service: this needs root (sudo vigente doctor --service)")
				}
				return a.examine(command.Context(), func(ctx context.Context, _ doctor.Options) ([]doctor.Finding, error) {
					return examineService(ctx, a.configFile)
				}, asJSON)
			}
			return a.examine(command.Context(), doctor.Examine, asJSON)
		}),
	}
	command.Flags().BoolVar(&service, "service", false, "check under the settings of vigente.service")
	command.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return command
}

// examine prints the findings.
func (a *app) examine(ctx context.Context, examine func(context.Context, doctor.Options) ([]doctor.Finding, error), asJSON bool) error {
	opt := a.offline()
	findings, err := examine(ctx, doctor.Options{Load: opt.Loading(false), Transport: opt.Lender()})
	if err != nil {
		return err
	}
	p := paint{a.colours(a.Stdout)}
	if asJSON {
		healthy, _ := doctor.Healthy(findings)
		if err := a.document(examined{Format: 1, OK: healthy, Findings: findings}); err != nil {
			return err
		}
	}
	for _, f := range findings {
		switch {
		case asJSON:
		case f.OK:
			a.out.printf("%s    %s: %s\n", p.class(view.ClassGood, "ok"), f.Check, f.Detail)
		default:
			a.out.printf("%s  %s: %s\n", p.class(view.ClassBad, "FAIL"), f.Check, f.Detail)
		}
	}
	if lines := missingLines(findings); len(lines) > 0 && !asJSON {
		a.out.printf("\nThe unit lacks these lines. Add them with systemctl edit vigente, then run systemctl restart vigente:\n[Service]\n%s\n",
			strings.Join(lines, "\n"))
	}
	if healthy, names := doctor.Healthy(findings); !healthy {
		return &exitError{exitFailed, []string{"vigente: would fail: " + names}}
	}
	return nil
}

// examined is what doctor tells programs.
type examined struct {
	Format   int              `json:"format"`
	OK       bool             `json:"ok"`
	Findings []doctor.Finding `json:"findings"`
}

// missingLines collects the missing lines of the unit, without duplicates.
func missingLines(findings []doctor.Finding) []string {
	var lines []string
	for _, f := range findings {
		for _, line := range f.Unit {
			if !slices.Contains(lines, line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}
