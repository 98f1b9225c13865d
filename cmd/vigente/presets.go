package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/providers/oauth2"
)

// presetDocument is one preset in JSON.
type presetDocument struct {
	Name       string   `json:"name"`
	Title      string   `json:"title"`
	Source     string   `json:"source"`
	Date       string   `json:"date"`
	SourceRead bool     `json:"source_read"`
	Login      bool     `json:"login"`
	Needs      []string `json:"needs"`
	Note       string   `json:"note"`
	Provider   []string `json:"provider"`
	Credential []string `json:"credential"`
}

func documentOf(p oauth2.Preset) presetDocument {
	return presetDocument{
		Name: p.Name, Title: p.Title, Source: p.Source, Date: p.Date, SourceRead: p.SourceRead, Login: p.Login, Needs: p.Needs, Note: p.Notes[0],
		Provider: p.Keys("provider"), Credential: p.Keys("credential"),
	}
}

func (a *app) presetsCommand() *cobra.Command {
	var asJSON bool
	command := &cobra.Command{
		Use:   "presets",
		Short: "List the services that have a preset",
		Long: `List the presets of the provider kind oauth2: sets of keys for known services, each
with the service's page about it and the date. Where that page could not be read, the
keys are those of public integrations, unverified, and the list says so. You can
override any key of a preset.`,
		Example: `  # the services, and the keys that you still have to set
  vigente presets
  # the keys of one
  vigente presets --json | jq '.presets[] | select(.name == "bling")'`,
		Args: exactly(),
		RunE: a.begin(func(*cobra.Command, []string) error {
			list, err := oauth2.Presets()
			if err != nil {
				return err
			}
			if asJSON {
				documents := make([]presetDocument, len(list))
				for i, p := range list {
					documents[i] = documentOf(p)
				}
				return a.document(struct {
					Format  int              `json:"format"`
					Presets []presetDocument `json:"presets"`
				}{1, documents})
			}
			for _, p := range list {
				a.tellPreset(p)
			}
			return nil
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return command
}

// tellPreset prints one preset for people.
func (a *app) tellPreset(p oauth2.Preset) {
	a.out.printf("%-16s %s\n", p.Name, p.Title)
	a.out.printf("  needs          %s\n", strings.Join(p.Needs, ", "))
	if p.Login {
		a.out.line("  first          vigente login NAME")
	}
	a.out.printf("  source         %s (%s)\n", p.Source, p.Date)
	if !p.SourceRead {
		a.out.line("                 not read there: the keys are those of public integrations, unverified")
	}
	a.out.line("")
}
