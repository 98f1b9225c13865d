package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/internal/section"
)

func (a *app) initCommand() *cobra.Command {
	flags := map[string]*string{}
	command := &cobra.Command{
		Use:   "init",
		Short: "Write a first configuration for one system",
		Long: `Write a commented configuration of one provider, one credential and one sink to
the file that --config names. On a terminal, what no flag says is asked. A file
that is there is never overwritten, and no secret is asked for or taken: the
configuration names the files that will hold them, and the next commands, which
are printed, put them there.

--system is one of ` + strings.Join(systemNames(), ", ") + `;
--sink is one of ` + strings.Join(sinkChoices, ", ") + `.`,
		Example: `  # with a few questions, beside a configuration that includes conf.d
  vigente init --config /etc/vigente/conf.d/store.toml
  # without questions
  vigente init -c vigente.toml --system senhasegura --url https://vault.example.com --client-id 0f5b8a --sink file --path /run/app/token`,
		Args: exactly(),
	}
	add := func(name, usage string) {
		if flags[name] == nil {
			flags[name] = command.Flags().String(name, "", usage)
		}
	}
	add("system", "the `SYSTEM` to ask for tokens")
	add("name", "`NAME` of the credential and of its sink")
	add("secrets", "`FOLDER` of the files that will hold the secrets (default secrets, beside the configuration)")
	add("sink", "the kind of `SINK` that receives the token")
	for _, s := range initSystems() {
		for _, ask := range s.asks {
			if ask.flag != "" {
				add(ask.flag, s.name+": "+lowerFirst(ask.ask))
			}
		}
		for _, sink := range sinkChoices {
			for _, ask := range s.sinkAsks(sink) {
				add(ask.flag, "sink "+sink+": "+lowerFirst(ask.ask))
			}
		}
	}
	_ = command.RegisterFlagCompletionFunc("system", cobra.FixedCompletions(systemNames(), cobra.ShellCompDirectiveNoFileComp))
	_ = command.RegisterFlagCompletionFunc("sink", cobra.FixedCompletions(sinkChoices, cobra.ShellCompDirectiveNoFileComp))
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
	a.out.printf("wrote %s\n\nnext:\n", path)
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

// interview collects the answers.
type interview struct {
	*app
	path  string
	given map[string]string
	used  map[string]bool
	lines *bufio.Reader // nil where nobody can be asked
	wrong []string      // what flags lack or say wrongly
}

func (i *interview) conduct() (answers, error) {
	known := answers{given: map[string]string{}, sink: "none"}
	name, err := i.answer(setting{flag: "system", ask: "System (" + strings.Join(systemNames(), ", ") + ")"}, func(text string) string {
		if _, ok := systemOf(text); !ok {
			return fmt.Sprintf("%q is not known (expected one of %s)", text, strings.Join(systemNames(), ", "))
		}
		return ""
	})
	if err != nil {
		return known, err
	}
	system, ok := systemOf(name)
	if !ok {
		return known, i.verdict()
	}
	known.system, known.name = system, system.credential
	if i.used["name"] = true; i.given["name"] != "" {
		known.name = i.given["name"]
	}
	base := filepath.Dir(i.path)
	if filepath.Base(base) == "conf.d" {
		base = filepath.Dir(base)
	}
	known.secrets = filepath.Join(base, "secrets")
	if complaint := i.judge(known, "credentials"); complaint != "" {
		i.wrong = append(i.wrong, "--name: "+complaint)
	}
	if err := i.ask(&known, system.asks); err != nil {
		return known, err
	}
	if len(known.secretFiles()) > 0 {
		known.secrets, err = i.answer(setting{flag: "secrets", ask: "Folder of the files that will hold the secrets", fallback: known.secrets}, absolute)
		if err != nil {
			return known, err
		}
	}
	known.sink, err = i.answer(setting{flag: "sink", ask: "Sink that receives it (" + strings.Join(sinkChoices, ", ") + ")"}, func(text string) string {
		if !slices.Contains(sinkChoices, text) {
			return fmt.Sprintf("%q is not known (expected one of %s)", text, strings.Join(sinkChoices, ", "))
		}
		return ""
	})
	if err != nil {
		return known, err
	}
	if err := i.ask(&known, system.sinkAsks(known.sink)); err != nil {
		return known, err
	}
	for _, flag := range slices.Sorted(maps.Keys(i.given)) {
		if !i.used[flag] {
			i.wrong = append(i.wrong, fmt.Sprintf("--%s does not belong to %s with the sink %s", flag, system.name, known.sink))
		}
	}
	if err := i.verdict(); err != nil {
		return known, err
	}
	if complaint := i.judge(known); complaint != "" {
		return known, &exitError{exitConfig, []string{complaint}}
	}
	return known, nil
}

// ask puts questions of one table.
func (i *interview) ask(known *answers, asks []setting) error {
	for _, s := range asks {
		if s.flag == "" {
			continue
		}
		keys := []string{known.place(s)}
		_, err := i.answer(s, func(text string) string {
			before, had := known.given[s.flag]
			known.given[s.flag] = text
			complaint := i.complaint(s, text, *known, keys)
			if complaint != "" && had {
				known.given[s.flag] = before
			} else if complaint != "" {
				delete(known.given, s.flag)
			}
			return complaint
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// place is the path of the key that a question is about.
func (a answers) place(s setting) string {
	switch s.table {
	case inProvider:
		return "providers." + a.system.provider + "." + s.key
	case inCredential:
		return "credentials." + a.name + "." + s.key
	}
	return "sinks." + a.name + "." + s.key
}

// complaint says what is wrong with an answer.
func (i *interview) complaint(s setting, text string, known answers, keys []string) string {
	switch {
	case text == "" && s.form != asOptional:
		return "an answer is needed"
	case s.form == asSecrets:
		if !slices.Contains([]string{"0", "1", "2"}, text) {
			return fmt.Sprintf("%q is none of 0, 1, 2", text)
		}
		return ""
	case s.flag == "path":
		if complaint := absolute(text); complaint != "" {
			return complaint
		}
	}
	if s.table == "sink" {
		known.sink = sinkOf(i.given["sink"], known.sink)
	}
	return i.judge(known, keys...)
}

func sinkOf(given, known string) string {
	if known != "none" || given == "" {
		return known
	}
	return given
}

func absolute(text string) string {
	if !filepath.IsAbs(text) {
		return fmt.Sprintf("%q is a relative path (expected one that begins with /)", text)
	}
	return ""
}

// options say what loads the configuration that is being written.
func (i *interview) options() daemon.Options {
	opt := i.offline()
	opt.ConfigPath = i.path
	return opt
}

// judge checks the configuration as far as it is known, as vigente check does,
// and returns what is said of the given keys or those below, of any key when
// none is given. That secrets are not there yet is no fault.
func (i *interview) judge(known answers, keys ...string) string {
	faults := daemon.CheckText(i.options(), known.text(), func(path string) ([]byte, error) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	})
	awaited := known.secretFiles()
	missing := func(f section.Fault) bool {
		return slices.ContainsFunc(awaited, func(file string) bool {
			return strings.HasPrefix(f.Message, fmt.Sprintf("file %q does not exist", file))
		})
	}
	for _, f := range faults {
		if missing(f) {
			continue
		}
		if len(keys) == 0 {
			return f.Key + ": " + f.Message
		}
		for _, key := range keys {
			if f.Key == key || strings.HasPrefix(f.Key, key+".") {
				return f.Message
			}
		}
	}
	return ""
}

// answer returns the answer of a flag, of the person, or the usual one. A wrong
// one of a flag is noted, a person is asked again.
func (i *interview) answer(s setting, complaint func(string) string) (string, error) {
	i.used[s.flag] = true
	if text, ok := i.given[s.flag]; ok {
		if said := complaint(text); said != "" {
			i.wrong = append(i.wrong, "--"+s.flag+": "+said)
		}
		return text, nil
	}
	if i.lines == nil {
		if s.fallback == "" && s.form != asOptional {
			i.wrong = append(i.wrong, "--"+s.flag+" is missing: "+lowerFirst(s.ask))
			return "", nil
		}
		complaint(s.fallback)
		return s.fallback, nil
	}
	for {
		i.err.printf("%s", s.ask)
		if s.fallback != "" {
			i.err.printf(" [%s]", s.fallback)
		}
		i.err.printf(": ")
		line, err := i.lines.ReadString('\n')
		if err != nil {
			i.err.line("")
			return "", errors.New("the questions were left: nothing was written")
		}
		text := strings.TrimSpace(line)
		if text == "" {
			text = s.fallback
		}
		said := complaint(text)
		if said == "" {
			return text, nil
		}
		i.err.line("  " + said)
	}
}

// verdict returns what is wrong with the flags, all of it.
func (i *interview) verdict() error {
	if len(i.wrong) == 0 {
		return nil
	}
	lines := make([]string, 0, len(i.wrong)+1)
	for _, w := range i.wrong {
		lines = append(lines, "vigente: "+w)
	}
	return &exitError{exitUsage, append(lines, "vigente: nothing was written; see vigente init --help")}
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
	if known.system.login {
		steps = append(steps, "vigente login "+known.name+option+"    # a person, once, while it runs")
	}
	return steps
}
