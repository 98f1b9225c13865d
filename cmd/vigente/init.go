package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func (a *app) initCommand() *cobra.Command {
	flags := map[string]*string{}
	command := &cobra.Command{
		Use:   "init",
		Short: "Write a first configuration for one system",
		Long: `Write a commented configuration of one provider, one credential and one sink to
the file that --config names; with --fleet, of many credentials that are made from
the rows of a table, which is written as well, with one row. On a terminal, what no flag says is asked. A file
that is there is never overwritten, and no secret is asked for or taken: the
configuration names the files that will hold them, and the next commands, which
are printed, put them there.

--system is one of ` + strings.Join(systemNames(), ", ") + `;
--sink is one of ` + strings.Join(sinkChoices(), ", ") + `.`,
		Example: `  # with a few questions, beside a configuration that includes conf.d
  vigente init --config /etc/vigente/conf.d/store.toml
  # without questions
  vigente init -c vigente.toml --system senhasegura --url https://vault.example.com --client-id 0f5b8a --sink file --path /run/app/token
  # a token for each shop of a table
  vigente init -c vigente.toml --system tss --fleet shops.csv --url https://tss.example.com/rest/RestNewToken --cnpj 11.222.333/0001-81 --uf SP --sink env --path /srv/shops/{code}.env`,
		Args: exactly(),
	}
	add := func(name, usage string) {
		if flags[name] == nil {
			flags[name] = command.Flags().String(name, "", usage)
		}
	}
	add("system", "the `SYSTEM` to ask for tokens")
	add("name", "`NAME` of the credential and of its sink")
	add("fleet", "write a fleet whose rows stand in this `FILE`, a CSV beside the configuration")
	add("secrets", "`FOLDER` of the files that will hold the secrets (default secrets, beside the configuration)")
	add("sink", "the kind of `SINK` that receives the token")
	for _, s := range initSystems() {
		for _, q := range s.Questions {
			if q.Flag != "" {
				add(q.Flag, s.Name+": "+lowerFirst(q.Ask))
			}
		}
		for _, sink := range sinkChoices() {
			for _, q := range s.sinkAsks(sink) {
				add(q.Flag, "sink "+sink+": "+lowerFirst(q.Ask))
			}
		}
	}
	_ = command.RegisterFlagCompletionFunc("system", cobra.FixedCompletions(systemNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = command.RegisterFlagCompletionFunc("sink", cobra.FixedCompletions(sinkChoices(), cobra.ShellCompDirectiveNoFileComp))
	command.RunE = a.begin(func(command *cobra.Command, _ []string) error {
		given := map[string]string{}
		for name, value := range flags {
			if command.Flags().Changed(name) {
				given[name] = *value
			}
		}
		return a.initialize(given)
	})
	return command
}

func lowerFirst(text string) string {
	if len(text) > 1 && text[1] >= 'A' && text[1] <= 'Z' {
		return text // an abbreviation
	}
	return strings.ToLower(text[:1]) + text[1:]
}

// initialize asks, writes and says what comes next.
func (a *app) initialize(given map[string]string) error {
	path, err := filepath.Abs(a.configPath())
	if err != nil {
		return fmt.Errorf("find the folder of the configuration: %w", err)
	}
	if err := vacant(path); err != nil {
		return err
	}
	i := &interview{app: a, path: path, given: given, used: map[string]bool{}}
	if a.isTerminal(a.Stdin) && a.isTerminal(a.Stderr) {
		i.lines = bufio.NewReader(a.Stdin)
	}
	known, err := i.conduct()
	if err != nil {
		return err
	}
	if err := publish(path, known.text()); err != nil {
		return err
	}
	a.out.printf("wrote %s\n", path)
	if known.fleet != "" {
		if err := publish(known.rows(path), known.table()); err != nil {
			return err
		}
		a.out.printf("wrote %s, with one row: add the others\n", known.rows(path))
	}
	a.out.printf("\nnext:\n")
	for _, line := range a.nextSteps(path, known) {
		a.out.line("  " + line)
	}
	return nil
}

// vacant refuses a path that is taken.
func vacant(path string) error {
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, os.ErrPermission):
		return nil // writing will tell
	case err != nil:
		return err
	}
	hint := "name another one with --config, or move it away"
	if path == defaultConfig {
		hint = "name a file that it includes: --config /etc/vigente/conf.d/NAME.toml; or move it away"
	}
	return fmt.Errorf("%s is there already and is never overwritten (%s)", path, hint)
}

// publish writes the whole file or nothing.
func publish(path, text string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // no secret is in it
		return fmt.Errorf("make the folder of the configuration: %w (use sudo, or name another file with --config)", err)
	}
	f, err := os.CreateTemp(dir, ".vigente-init-*")
	if err != nil {
		return fmt.Errorf("write the configuration: %w (use sudo, or name another file with --config)", err)
	}
	defer os.Remove(f.Name())
	_, err = io.WriteString(f, text)
	// It holds no secret, and the daemon's user has to read it.
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Link(f.Name(), path) // unlike a rename it replaces nothing
	}
	if errors.Is(err, fs.ErrExist) {
		return vacant(path)
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w (use sudo, or name another file with --config)", err)
	}
	return nil
}

// nextSteps are the commands that come after.
func (a *app) nextSteps(path string, known answers) []string {
	main := path
	if filepath.Base(filepath.Dir(path)) == "conf.d" {
		main = filepath.Join(filepath.Dir(filepath.Dir(path)), "config.toml")
	}
	option := " -c " + main
	if main == defaultConfig {
		option = ""
	}
	install := "install -D -m 0600"
	if _, err := user.Lookup("vigente"); err == nil && main == defaultConfig {
		install += " -o vigente -g vigente"
	}
	var steps []string
	for _, file := range known.secretFiles() {
		from := "/dev/stdin" // typed or pasted, then Ctrl-D
		if filepath.Ext(file) == ".p12" {
			from = "YOUR.p12"
		}
		steps = append(steps, fmt.Sprintf("%s %s %s", install, from, file))
	}
	if len(steps) > 0 {
		steps = append([]string{"# each secret into its file, readable by the daemon's user alone: paste it, Enter, Ctrl-D"}, steps...)
	}
	steps = append(steps, "vigente check --probe"+option)
	if main == defaultConfig {
		steps = append(steps, "systemctl enable --now vigente    # systemctl reload vigente where it runs already")
	} else {
		steps = append(steps, "vigente run"+option)
	}
	if known.system.Login {
		steps = append(steps, "vigente login "+known.name+option+"    # a person, once, while it runs")
	}
	return steps
}
