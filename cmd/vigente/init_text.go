package main

import (
	"encoding/csv"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/vigented/vigente/providers"
)

// answers are what is known of a first configuration.
type answers struct {
	system  system
	name    string // of the credential
	sink    string
	secrets string            // folder, absolute
	given   map[string]string // by flag
	// fleet is the file of a table of rows, as it is written; empty for a single
	// credential. Strict refuses the whole for a bad row, for a check.
	fleet  string
	strict bool
}

// rows is the path of the table beside the configuration.
func (a answers) rows(config string) string {
	if filepath.IsAbs(a.fleet) {
		return a.fleet
	}
	return filepath.Join(filepath.Dir(config), a.fleet)
}

// columnCode is the column that names a row.
const columnCode = "code"

// firstRow is the name of the row that is written.
const firstRow = "first"

// table is the table of rows, with the answers as its only one.
func (a answers) table() string {
	header, row := []string{columnCode}, []string{firstRow}
	for _, q := range a.system.ofRow() {
		header, row = append(header, q.Key), append(row, a.value(q))
	}
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.WriteAll([][]string{header, row}) // it ends in memory
	return b.String()
}

// value returns the answer to a question; one that is not answered yet gets a
// good one, so that the others can be checked.
func (a answers) value(s providers.Question) string {
	if v, ok := a.given[s.Flag]; ok {
		return v
	}
	return s.Example
}

// secretFile is where a secret of the credential is expected.
func (a answers) secretFile(q providers.Question) string {
	name := strings.NewReplacer("_", "-", ".file", ".p12", ".", "-").Replace(q.Key)
	if a.fleet != "" && q.OfCredential {
		return filepath.Join(a.secrets, "{"+columnCode+"}-"+name)
	}
	return filepath.Join(a.secrets, a.name+"-"+name)
}

// numbered is the place of one of several secrets.
func (a answers) numbered(q providers.Question, i int) string {
	q.Key += "-" + strconv.Itoa(i+1)
	return a.secretFile(q)
}

// secretFiles are all files that have to be put in place.
func (a answers) secretFiles() []string {
	var files []string
	for _, s := range a.system.Questions {
		switch s.Form {
		case providers.Secret, providers.File:
			files = append(files, strings.Replace(a.secretFile(s), "{"+columnCode+"}", firstRow, 1))
		case providers.Secrets:
			for i := range a.number(s) {
				files = append(files, a.numbered(s, i))
			}
		case providers.Text, providers.Optional:
		}
	}
	return files
}

func (a answers) number(s providers.Question) int {
	n, err := strconv.Atoi(a.value(s))
	if err != nil {
		return 0
	}
	return n
}

// text returns the configuration.
func (a answers) text() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# A first configuration of Vigente for %s.", a.system.Title)
	line("# config.example.toml shows every key of every kind. Secrets are never written here:")
	line("# they are read from the named files. \"vigente check\" reports mistakes.")
	line("")
	line("# The backend and the account for it.")
	line("[providers.%s]", a.system.Provider)
	line("type = %s", tomlText(a.system.kind))
	for _, l := range a.system.Fixed {
		line("%s", l)
	}
	a.settings(&b, false)
	line("")
	if a.fleet != "" {
		line("# Many credentials: one for each row of the table, named %s/CODE.", a.name)
		line("[fleets.%s]", tomlKey(a.name))
		line("rows = %s", tomlText(a.fleet))
		line(`name = "{%s}"`, columnCode)
		if a.strict {
			line(`bad_row = "refuse"`)
		}
		line("")
		line("# The credential of a row: {column} stands for the text of that column.")
	} else {
		line("# One token to keep valid.")
	}
	line("[%s]", a.credentialTable())
	line("provider = %s", tomlText(a.system.Provider))
	a.settings(&b, true)
	if a.sink != noSink {
		line("")
		a.sinkTable(line)
	}
	return b.String()
}

func (a answers) credentialTable() string {
	if a.fleet != "" {
		return "fleets." + tomlKey(a.name) + ".credential"
	}
	return "credentials." + tomlKey(a.name)
}

// settings writes the keys that were asked for, of one of the two tables.
func (a answers) settings(b *strings.Builder, ofCredential bool) {
	for _, s := range a.system.Questions {
		if s.OfCredential != ofCredential {
			continue
		}
		value := a.value(s)
		if a.fleet != "" && ofCredential {
			value = "{" + s.Key + "}"
		}
		switch s.Form {
		case providers.Text:
			value = tomlText(value)
		case providers.Secret:
			value = "{ file = " + tomlText(a.secretFile(s)) + " }"
		case providers.File:
			value = tomlText(a.secretFile(s))
		case providers.Secrets:
			var refs []string
			for i := range a.number(s) {
				refs = append(refs, "{ file = "+tomlText(a.numbered(s, i))+" }")
			}
			if len(refs) == 0 {
				continue
			}
			value = "[" + strings.Join(refs, ", ") + "]"
		case providers.Optional:
			if value == "" {
				continue
			}
			value = tomlText(value)
		}
		if s.Comment != "" {
			fmt.Fprintf(b, "# %s\n", s.Comment)
		}
		fmt.Fprintf(b, "%s = %s\n", s.Key, value)
	}
}

func (a answers) sinkTable(line func(string, ...any)) {
	asks := map[string]providers.Question{}
	for _, s := range a.system.sinkAsks(a.sink) {
		asks[s.Flag] = s
	}
	of, table := a.name, "sinks."+tomlKey(a.name)
	if a.fleet != "" {
		of, table = "this", "fleets."+tomlKey(a.name)+".sinks."+tomlKey(a.sink)
	}
	reference := func(field string) string { return tomlText("${" + of + "." + field + "}") }
	setup := sinkSetup(a.sink)
	line("# The place that receives it: ${credential.field} is replaced by a value.")
	line("[%s]", table)
	line("type = %s", tomlText(a.sink))
	line("path = %s", tomlText(a.value(asks[flagPath])))
	if setup.Section {
		line("section = %s", tomlText(a.value(asks[flagSection])))
	}
	if setup.Content != "" {
		line("%s = %s", setup.Content, reference(a.system.Fields[0]))
	} else {
		var values []string
		for i, field := range a.system.Fields {
			key := a.system.Keys[i]
			if i == 0 {
				key = a.value(asks[flagKey])
			}
			values = append(values, tomlKey(key)+" = "+reference(field))
		}
		line("values = { %s }", strings.Join(values, ", "))
	}
	line("# Runs after a change, without a shell.")
	line(`#on_change = { command = ["/usr/bin/systemctl", "try-restart", "example.service"] }`)
}

// bareKey is a key that needs no quotes.
var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]+$`)

// tomlKey writes a key of TOML.
func tomlKey(key string) string {
	if bareKey.MatchString(key) {
		return key
	}
	return tomlText(key)
}

// tomlText writes a string of TOML.
func tomlText(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case unicode.IsControl(r):
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
