package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/view"
)

func (a *app) loginCommand() *cobra.Command {
	var refresh, many string
	command := &cobra.Command{
		Use:   "login NAME",
		Short: "Log in for a credential that requires a login by a person",
		Long: `Log in for an oauth2 credential whose grant is refresh_token. The running daemon
exchanges the code and keeps the refresh token in its state; this command needs no
secret.

If the provider has a device_url, the command shows a code to type on a web page, on
any machine. Otherwise it shows the address of a page. The browser returns to a port
of this machine. On another machine, copy the address that the browser ends at and
paste it here.

An existing refresh token is read from standard input, never from the command line:
--refresh-token - for one, --import - for many, as JSON, one
{"name":"…","refresh_token":"…"} per line.`,
		Example: `  # the first login, or a new one after the service revoked it
  vigente login vendas
  # import the refresh token of another program
  vigente login vendas --refresh-token - < refresh-token
  # import many of them
  vigente login --import - < tokens.jsonl`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case refresh != "" && refresh != "-":
				return errors.New("--refresh-token takes only - (the token is read from standard input, where no other user can see it)")
			case many != "" && many != "-":
				return errors.New("--import takes only - (the tokens are read from standard input)")
			case many != "" && (refresh != "" || len(args) > 0):
				return errors.New("--import takes no names and no other flag (the names are in its lines)")
			case many == "" && len(args) != 1:
				return errors.New("expected NAME")
			}
			return nil
		},
		ValidArgsFunction: a.completeOneCredential,
		RunE: a.begin(func(command *cobra.Command, args []string) error {
			if _, err := a.harden(); err != nil {
				return err
			}
			ctx, stop := endingOnSignals(command.Context(), nil)
			defer stop()
			switch {
			case many != "":
				return a.importMany(ctx)
			case refresh != "":
				return a.importOne(ctx, args[0])
			}
			return a.login(ctx, args[0])
		}),
	}
	command.Flags().StringVar(&refresh, "refresh-token", "", "import a refresh token from standard input (`-`)")
	command.Flags().StringVar(&many, "import", "", "import many refresh tokens from standard input (`-`)")
	return command
}

// login guides the user through one login.
func (a *app) login(ctx context.Context, name string) error {
	landing, err := listenForBrowser("")
	if err != nil {
		return err
	}
	defer landing.close()
	client := a.client()
	in, err := client.Invite(ctx, name, landing.address)
	if err != nil {
		return err
	}
	if in.UserCode != "" {
		a.out.printf("Open   %s\nType   %s\n\nWaiting until %s for that.\n", in.Address, in.UserCode, view.Local(in.EndsAt))
		if err := client.Redeem(ctx, name, in, credential.Secret{}); err != nil {
			return err
		}
		return a.loggedIn(ctx, client, name)
	}
	if in.Redirect != landing.address {
		landing.close()
		landing, err = listenForBrowser(in.Redirect)
		if err != nil {
			a.err.printf("vigente: %v; paste the address instead\n", err)
		}
		defer landing.close()
	}
	a.out.printf("Open   %s\n\n", in.Address)
	if landing.listens() {
		a.out.printf("The browser will return to %s.\n", in.Redirect)
	}
	a.out.line("On another machine: paste the address that the browser ends at, then press Enter.")
	address, answer, err := a.awaitAddress(ctx, landing, in.State)
	if err != nil {
		return err
	}
	err = client.Redeem(ctx, name, in, address)
	answer(err)
	if err != nil {
		return err
	}
	return a.loggedIn(ctx, client, name)
}

// awaitAddress returns the address of the redirect, and how to answer the browser.
// The end of standard input does not end the wait.
func (a *app) awaitAddress(ctx context.Context, landing *landing, state string) (credential.Secret, func(error), error) {
	lines := make(chan string, 1)
	go func() {
		in := bufio.NewScanner(io.LimitReader(a.Stdin, maxPasted))
		in.Buffer(nil, maxPasted)
		for in.Scan() {
			if text := strings.TrimSpace(in.Text()); text != "" {
				lines <- text
				return
			}
		}
	}()
	select {
	case text := <-lines:
		return credential.NewSecret(text), func(error) {}, nil
	case v := <-landing.visits(state):
		return v.address, v.answer, nil
	case <-ctx.Done():
		return credential.Secret{}, nil, errors.New("the login was aborted; nothing has changed")
	}
}

// maxPasted limits the input.
const maxPasted = 16 << 20

// loggedIn reports a successful login, and waits a while for the delivery.
func (a *app) loggedIn(ctx context.Context, client *control.Client, name string) error {
	a.out.printf("%s: logged in\n", name)
	ctx, cancel := context.WithTimeout(ctx, deliveryWait)
	defer cancel()
	if client.Wait(ctx, control.Selection{Names: []string{name}}) == nil {
		a.out.printf("%s: the token is delivered\n", name)
		return nil
	}
	a.err.printf("%s: not delivered yet; see vigente status %s\n", name, name)
	return nil
}

// deliveryWait is the longest wait for the delivery.
const deliveryWait = 30 * time.Second

// importOne imports one refresh token.
func (a *app) importOne(ctx context.Context, name string) error {
	data, err := io.ReadAll(io.LimitReader(a.Stdin, maxPasted))
	if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	token := strings.TrimRight(strings.TrimPrefix(string(data), "\ufeff"), "\r\n")
	return a.bring(ctx, []broughtToken{{name, token}})
}

// broughtToken is one line of an import.
type broughtToken struct {
	Name    string `json:"name"`
	Refresh string `json:"refresh_token"`
}

// importMany imports many refresh tokens, or none if a line is invalid.
func (a *app) importMany(ctx context.Context) error {
	var tokens []broughtToken
	in := json.NewDecoder(io.LimitReader(a.Stdin, maxPasted))
	for {
		var one broughtToken
		err := in.Decode(&one)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil || one.Name == "" || one.Refresh == "" {
			return fmt.Errorf(`read standard input: entry %d is not {"name":"…","refresh_token":"…"}; nothing was imported`, len(tokens)+1)
		}
		tokens = append(tokens, one)
	}
	if len(tokens) == 0 {
		return errors.New("read standard input: it contains no token")
	}
	return a.bring(ctx, tokens)
}

// bring sends refresh tokens to the daemon, which renews each once to verify it.
func (a *app) bring(ctx context.Context, tokens []broughtToken) error {
	client := a.client()
	var names, lines []string
	code := exitDone
	for _, t := range tokens {
		err := client.Import(ctx, t.Name, credential.NewSecret(t.Refresh))
		problem, refused := errors.AsType[*control.Problem](err)
		switch {
		case err == nil:
			names = append(names, t.Name)
		case len(tokens) == 1 || !refused:
			return err
		default:
			lines = append(lines, fmt.Sprintf("vigente: %s: %v", t.Name, err))
			code = worse(code, exitOf(problem.Code))
		}
	}
	if len(names) > 0 {
		p := &progress{out: a.out, err: a.err}
		if err := client.Renew(ctx, control.Selection{Names: names}, control.RenewOptions{Force: true}, p); err != nil {
			return err
		}
		if p.failed > 0 {
			code = exitFailed
		}
	}
	if code != exitDone {
		return &exitError{code, lines}
	}
	return nil
}

// worse returns the exit code of two parts of a command: a usage error shows only
// if nothing else failed.
func worse(a, b int) int {
	if a == exitDone || b == exitDone {
		return max(a, b)
	}
	if a == exitUsage {
		return b
	}
	return a
}
