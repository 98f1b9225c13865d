package main

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// answers are what is known of a first configuration.
type answers struct {
	system  system
	name    string // of the credential
	sink    string
	secrets string            // folder, absolute
	given   map[string]string // by flag
}

// value returns the answer to a question; one that is not answered yet gets a
// good one, so that the others can be checked.
func (a answers) value(s setting) string {
	if v, ok := a.given[s.flag]; ok {
		return v
	}
	return s.example
}

// secretFile is where a secret of the credential is expected.
func (a answers) secretFile(key string) string {
	name := strings.NewReplacer("_", "-", ".file", ".p12", ".", "-").Replace(key)
	return filepath.Join(a.secrets, a.name+"-"+name)
}

// secretFiles are all files that have to be put in place.
func (a answers) secretFiles() []string {
	var files []string
	for _, s := range a.system.asks {
		switch s.form {
		case asSecret, asFile:
			files = append(files, a.secretFile(s.key))
		case asSecrets:
			for i := range a.number(s) {
				files = append(files, a.secretFile(s.key+"-"+strconv.Itoa(i+1)))
			}
		case asText, asOptional:
		}
	}
	return files
}

func (a answers) number(s setting) int {
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
	line("# A first configuration of Vigente for %s.", a.system.title)
	line("# Every key of every kind is in config.example.toml. A secret never stands here:")
	line("# it is read from the file that is named. \"vigente check\" says what is wrong.")
	line("")
	line("# The backend and how to talk to it.")
	line("[providers.%s]", a.system.provider)
	line("type = %s", tomlText(a.system.kind))
	for _, l := range a.system.fixed {
		line("%s", l)
	}
	a.settings(&b, inProvider)
	line("")
	line("# One token to keep valid.")
	line("[credentials.%s]", tomlKey(a.name))
	line("provider = %s", tomlText(a.system.provider))
	a.settings(&b, inCredential)
	if a.sink != "none" {
		line("")
		a.sinkTable(line)
	}
	return b.String()
}

func (a answers) settings(b *strings.Builder, table string) {
	for _, s := range a.system.asks {
		if s.table != table {
			continue
		}
		value := a.value(s)
		switch s.form {
		case asText:
			value = tomlText(value)
		case asSecret:
			value = "{ file = " + tomlText(a.secretFile(s.key)) + " }"
		case asFile:
			value = tomlText(a.secretFile(s.key))
		case asSecrets:
			var refs []string
			for i := range a.number(s) {
				refs = append(refs, "{ file = "+tomlText(a.secretFile(s.key+"-"+strconv.Itoa(i+1)))+" }")
			}
			if len(refs) == 0 {
				continue
			}
			value = "[" + strings.Join(refs, ", ") + "]"
		case asOptional:
			if value == "" {
				continue
			}
			value = tomlText(value)
		}
		if s.comment != "" {
			fmt.Fprintf(b, "# %s\n", s.comment)
		}
		fmt.Fprintf(b, "%s = %s\n", s.key, value)
	}
}

func (a answers) sinkTable(line func(string, ...any)) {
	asks := map[string]setting{}
	for _, s := range a.system.sinkAsks(a.sink) {
		asks[s.flag] = s
	}
	reference := func(field string) string { return "${" + a.name + "." + field + "}" }
	line("# The place that receives it: ${credential.field} stands for a value.")
	line("[sinks.%s]", tomlKey(a.name))
	line("type = %s", tomlText(a.sink))
	line("path = %s", tomlText(a.value(asks["path"])))
	switch a.sink {
	case "file":
		line("content = %s", tomlText(reference(a.system.fields[0])))
	case "ini", "env":
		if a.sink == "ini" {
			line("section = %s", tomlText(a.value(asks["section"])))
		}
		var values []string
		for i, field := range a.system.fields {
			key := a.system.keys[i]
			if i == 0 {
				key = a.value(asks["key"])
			}
			values = append(values, tomlKey(key)+" = "+tomlText(reference(field)))
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
