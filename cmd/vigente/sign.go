package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon/view"
)

func (a *app) signCommand() *cobra.Command {
	var form []string
	var asJSON bool
	command := &cobra.Command{
		Use:   "sign NAME METHOD URL",
		Short: "Print the OAuth 1.0 header for one request",
		Long: `Print the Authorization header that signs one request by OAuth 1.0 (RFC 5849)
with a credential whose provider has auth = "oauth1". A signature is valid for one
request, for a short time. Form fields are signed too; pass each with --form.`,
		Example: `  # a request without a body
  curl -H "$(vigente sign vault GET https://vault.example.com/iso/coe/senha/123)" https://vault.example.com/iso/coe/senha/123
  # a form
  curl -H "$(vigente sign vault POST https://vault.example.com/x --form a=1)" -d a=1 https://vault.example.com/x`,
		Args: func(command *cobra.Command, args []string) error {
			if err := exactly("NAME", "METHOD", "URL")(command, args); err != nil {
				return err
			}
			_, err := parseForm(form)
			return err
		},
		ValidArgsFunction: a.completeOneCredential,
		RunE: a.begin(func(command *cobra.Command, args []string) error {
			if _, err := a.harden(); err != nil {
				return err
			}
			fields, err := parseForm(form)
			if err != nil {
				return err
			}
			value, err := a.client().Sign(command.Context(), args[0], args[1], args[2], fields)
			if err != nil {
				return err
			}
			if asJSON {
				return a.document(struct {
					Format        int    `json:"format"`
					Authorization string `json:"authorization"`
				}{view.Format, value.Reveal()})
			}
			a.out.line("Authorization: " + value.Reveal())
			return nil
		}),
	}
	command.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	command.Flags().StringArrayVar(&form, "form", nil, "`KEY=VALUE` of a form body (repeatable)")
	return command
}

// parseForm parses the fields in order.
func parseForm(pairs []string) (url.Values, error) {
	fields := url.Values{}
	for _, pair := range pairs {
		key, value, ok := strings.Cut(pair, "=")
		if !ok || key == "" {
			return nil, fmt.Errorf("--form %q has no key (expected KEY=VALUE)", pair)
		}
		fields.Add(key, value)
	}
	return fields, nil
}
