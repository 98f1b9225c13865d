package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
)

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
	known := answers{given: map[string]string{}, sink: noSink}
	name, err := i.answer(providers.Question{Flag: "system", Ask: "System (" + strings.Join(systemNames(), ", ") + ")"}, func(text string) string {
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
	known.system, known.name = system, system.Credential
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
	if err := i.askFleet(&known); err != nil {
		return known, err
	}
	if err := i.ask(&known, system.Questions); err != nil {
		return known, err
	}
	if len(known.secretFiles()) > 0 {
		known.secrets, err = i.answer(providers.Question{Flag: "secrets", Ask: "Folder of the files that will hold the secrets", Fallback: known.secrets}, absolute)
		if err != nil {
			return known, err
		}
	}
	known.sink, err = i.answer(providers.Question{Flag: "sink", Ask: "Sink that receives it (" + strings.Join(sinkChoices(), ", ") + ")"}, func(text string) string {
		if !slices.Contains(sinkChoices(), text) {
			return fmt.Sprintf("%q is not known (expected one of %s)", text, strings.Join(sinkChoices(), ", "))
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
			i.wrong = append(i.wrong, fmt.Sprintf("--%s does not belong to %s with the sink %s", flag, system.Name, known.sink))
		}
	}
	if err := i.verdict(); err != nil {
		return known, err
	}
	complaint := i.judge(known)
	if complaint == "" && known.fleet != "" {
		complaint, err = i.judgeFleet(known)
	}
	if err != nil {
		return known, err
	}
	if complaint != "" {
		return known, &exitError{exitConfig, []string{complaint}}
	}
	return known, nil
}

// askFleet asks whether there is one credential or one for each row of a table,
// where anything about them can differ.
func (i *interview) askFleet(known *answers) (err error) {
	if _, given := i.given["fleet"]; !given && len(known.system.ofRow()) == 0 {
		return nil
	}
	known.fleet, err = i.answer(providers.Question{
		Flag: "fleet", Ask: "Table of rows (a CSV beside the configuration) when there are many of them, empty for one", Form: providers.Optional,
	}, func(text string) string {
		switch {
		case text == "":
			return ""
		case len(known.system.ofRow()) == 0:
			return "nothing about " + known.system.Name + " differs from row to row (expected a single credential: leave it empty)"
		case filepath.Ext(text) != ".csv":
			return fmt.Sprintf("%q does not end in .csv", text)
		}
		if _, err := os.Lstat(answers{fleet: text}.rows(i.path)); err == nil {
			return fmt.Sprintf("%q is there already and is never overwritten (expected another name)", text)
		}
		return ""
	})
	return err
}

// judgeFleet checks the fleet with its one row.
func (i *interview) judgeFleet(known answers) (complaint string, err error) {
	f, err := os.CreateTemp("", "vigente-init-*.csv")
	if err != nil {
		return "", fmt.Errorf("check the fleet: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(known.table())
	if err = errors.Join(err, f.Close()); err != nil {
		return "", fmt.Errorf("check the fleet: %w", err)
	}
	known.fleet, known.strict = f.Name(), true
	return i.judgeText(known, known.text()), nil
}

// ask puts questions of one table.
func (i *interview) ask(known *answers, asks []providers.Question) error {
	for _, s := range asks {
		if s.Flag == "" {
			continue
		}
		keys := []string{known.place(s)}
		_, err := i.answer(s, func(text string) string {
			before, had := known.given[s.Flag]
			known.given[s.Flag] = text
			complaint := i.complaint(s, text, *known, keys)
			if complaint != "" && had {
				known.given[s.Flag] = before
			} else if complaint != "" {
				delete(known.given, s.Flag)
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
func (a answers) place(s providers.Question) string {
	switch {
	case s.OfCredential:
		return "credentials." + a.name + "." + s.Key
	case slices.Contains([]string{flagPath, flagSection, flagKey}, s.Flag):
		return "sinks." + a.name + "." + s.Key
	}
	return "providers." + a.system.Provider + "." + s.Key
}

// complaint says what is wrong with an answer.
func (i *interview) complaint(s providers.Question, text string, known answers, keys []string) string {
	switch {
	case text == "" && s.Form != providers.Optional:
		return "an answer is needed"
	case s.Form == providers.Secrets:
		if !slices.Contains([]string{"0", "1", "2"}, text) {
			return fmt.Sprintf("%q is not valid (expected 0, 1 or 2)", text)
		}
		return ""
	case s.Flag == flagPath:
		if complaint := absolute(text); complaint != "" {
			return complaint
		}
		if known.fleet != "" && !strings.Contains(text, "{code}") {
			return fmt.Sprintf("%q is the same file for every row (expected {code}, the name of the row, in it)", text)
		}
	}
	return i.judge(known, keys...)
}

func absolute(text string) string {
	if !filepath.IsAbs(text) {
		return fmt.Sprintf("%q is a relative path (expected one that begins with /)", text)
	}
	return ""
}

// loading says what loads the configuration that is being written.
func (i *interview) loading() load.Options {
	opt := i.offline()
	opt.ConfigPath = i.path
	return opt.Loading(false)
}

// judge checks the configuration as far as it is known, as vigente check does,
// and returns what is said of the given keys or those below, of any key when
// none is given. That secrets are not there yet is no fault.
func (i *interview) judge(known answers, keys ...string) string {
	known.fleet = "" // the answers are those of one row
	return i.judgeText(known, known.text(), keys...)
}

func (i *interview) judgeText(known answers, text string, keys ...string) string {
	faults := load.CheckText(i.loading(), text, func(path string) ([]byte, error) {
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
func (i *interview) answer(s providers.Question, complaint func(string) string) (string, error) {
	i.used[s.Flag] = true
	if text, ok := i.given[s.Flag]; ok {
		if said := complaint(text); said != "" {
			i.wrong = append(i.wrong, "--"+s.Flag+": "+said)
		}
		return text, nil
	}
	if i.lines == nil {
		if s.Fallback == "" && s.Form != providers.Optional {
			i.wrong = append(i.wrong, "--"+s.Flag+" is missing: "+lowerFirst(s.Ask))
			return "", nil
		}
		complaint(s.Fallback)
		return s.Fallback, nil
	}
	for {
		i.err.printf("%s", s.Ask)
		if s.Fallback != "" {
			i.err.printf(" [%s]", s.Fallback)
		}
		i.err.printf(": ")
		line, err := i.lines.ReadString('\n')
		if err != nil {
			i.err.line("")
			return "", errors.New("the questions were left: nothing was written")
		}
		text := strings.TrimSpace(line)
		if text == "" {
			text = s.Fallback
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
