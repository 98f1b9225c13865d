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
		Short: "Prove that everything configured can work, without renewing anything",
		Long: `Prove, as the present user and in the present sandbox, that the state and every
sink can be written, renamed and owned, that every hook is there, and that every
backend is reached: its name, its TLS and its clock. Nothing is renewed and no
sink is changed. Exits 1 when anything would fail, each with its cure.

With --service, as root, the same is done as a service with every setting of
vigente.service and its drop-ins: its user, its sandbox, its secrets. What the
sandbox forbids comes with the lines for the unit.`,
		Example: `  # what would fail for the service, and the lines that its unit lacks
  sudo vigente doctor --service
  # as whoever asks
  vigente doctor`,
		Args: exactly(),
		RunE: a.begin(func(command *cobra.Command, _ []string) error {
			if service {
				if a.UID != 0 {
					return errors.New("run the doctor as the service: only root may (sudo vigente doctor --service)")
				}
				return a.examine(command.Context(), func(ctx context.Context, _ doctor.Options) ([]doctor.Finding, error) {
					return examineService(ctx, a.configFile)
				}, asJSON)
			}
			return a.examine(command.Context(), doctor.Examine, asJSON)
		}),
	}
	command.Flags().BoolVar(&service, "service", false, "examine under the settings of vigente.service")
	command.Flags().BoolVar(&asJSON, "json", false, "print the findings as JSON")
	return command
}

// examine prints what an examination found.
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
		a.out.printf("\nThe unit lacks these lines; with systemctl edit vigente they are added, then systemctl restart vigente:\n[Service]\n%s\n",
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

// missingLines collects what the findings ask of the unit, each once.
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
