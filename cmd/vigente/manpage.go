package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"

	"github.com/vigented/vigente/docs"
)

const manFiles = `*/etc/vigente/config.toml*
: The configuration, see **vigente.toml(5)**. It may include other files, such as */etc/vigente/conf.d/\*.toml*.

*/var/lib/vigente*
: The state, which must survive a restart: *state.db*, and *state.sealed* if it is sealed. *$STATE_DIRECTORY* under systemd, *$XDG_STATE_HOME/vigente* for an ordinary user.

*/run/vigente/control.sock*
: The socket that commands use to talk to the daemon: *control.sock* in *$RUNTIME_DIRECTORY*, else in the state directory.

*http://127.0.0.1:9847*
: The status page, */metrics*, */livez* and */readyz*.
`

const manEnvironment = `**VIGENTE_CONFIG**
: The configuration file, unless **--config** is given.

**STATE_DIRECTORY**, **RUNTIME_DIRECTORY**, **CREDENTIALS_DIRECTORY**
: Set by systemd: the folders of the state, the control socket and the secrets of **LoadCredential=**.

**XDG_STATE_HOME**
: The parent folder of the state of an ordinary user.

**HTTP_PROXY**, **HTTPS_PROXY**, **NO_PROXY**
: The proxy for backends, unless the provider sets its own.

**TZ**
: The time zone of the output for people. JSON is in UTC.

**NO_COLOR**
: Disables colours if set.

**NOTIFY_SOCKET**, **WATCHDOG_USEC**, **JOURNAL_STREAM**
: Set by systemd, for readiness and watchdog notifications and for the priority of log lines.
`

const manExit = `**0**
: Done.

**1**
: Failed.

**2**
: Usage, or an unknown name.

**3**
: The configuration is invalid, or a new one was refused.

**4**
: The daemon is not reachable.

**5**
: A condition is not met (**status --check**, **wait**).
`

const manExamples = "Write a first configuration, check it, start the service and look:\n\n" +
	"    vigente init\n    vigente check --probe\n    systemctl enable --now vigente\n    vigente status\n\n" +
	"Before a program that needs a token:\n\n    vigente wait shop && start-the-program\n\n" +
	"A value for a call by hand:\n\n    curl -H \"Authorization: Bearer $(vigente show vault)\" https://vault.example.com/api\n\n" +
	"Preview and apply an edited configuration:\n\n    vigente plan && vigente reload\n"

// manualPage returns vigente(1) as roff.
func manualPage(root *cobra.Command, date time.Time) []byte {
	var b strings.Builder
	section := func(name, text string) { fmt.Fprintf(&b, "# %s\n\n%s\n", name, strings.TrimRight(text, "\n")+"\n") }
	b.WriteString(manTitle("VIGENTE", "1", date))
	section("NAME", "vigente - "+lowerFirst(root.Short))
	section("SYNOPSIS", "**vigente** \\[**--config** *FILE*\\] *COMMAND* \\[*ARGUMENT* …\\]")
	description, _, _ := strings.Cut(root.Long, "\n\nExit codes:")
	section("DESCRIPTION", description)
	section("OPTIONS", "**-c**, **--config** *FILE*\n: The configuration (default *$VIGENTE_CONFIG*, else *"+defaultConfig+"*).\n\n**-h**, **--help**\n: Help for a command.\n\n**-v**, **--version**\n: Print the version.")
	var commands strings.Builder
	for _, command := range root.Commands() {
		if command.IsAvailableCommand() || command.Name() == "help" {
			fmt.Fprintf(&commands, "**vigente %s**\n: %s.\n\n", roffSafe(command.Use), command.Short)
		}
	}
	section("COMMANDS", commands.String()+"Each has a page of its own: **vigente-status(1)** and so on.")
	section("FILES", manFiles)
	section("ENVIRONMENT", manEnvironment)
	section("EXIT STATUS", manExit)
	section("EXAMPLES", manExamples)
	section("SEE ALSO", "**vigente.toml(5)**, **systemctl(1)**, **journalctl(1)**")
	return md2man.Render([]byte(b.String()))
}

// referencePage returns vigente.toml(5) as roff, from the reference of the
// configuration.
func referencePage(date time.Time) []byte {
	_, text, _ := strings.Cut(docs.Configuration, "\n# ")
	_, text, _ = strings.Cut(text, "\n")
	text = definitions(strings.ReplaceAll(text, "\n## ", "\n# "))
	return md2man.Render([]byte(manTitle("VIGENTE.TOML", "5", date) +
		"# NAME\n\nvigente.toml - configuration of vigente(1)\n\n# DESCRIPTION\n\n" + strings.TrimLeft(text, "\n") +
		"\n# FILES\n\n*/etc/vigente/config.toml*\n\n# SEE ALSO\n\n**vigente(1)**\n"))
}

// definitions turns the reference's tables into definition lists, because a
// terminal is too narrow for tables.
func definitions(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		cells := strings.Split(strings.ReplaceAll(strings.TrimSpace(line), `\|`, "\x00"), " | ")
		switch {
		case strings.HasPrefix(line, "|---"), strings.HasPrefix(line, "| key |"):
			continue
		case !strings.HasPrefix(line, "| ") || len(cells) != 4:
			b.WriteString(strings.Replace(line, "### ", "## ", 1))
			continue
		}
		key, meaning := strings.Trim(cells[0], "| `"), strings.TrimSuffix(strings.TrimSuffix(cells[3], " |"), "|")
		form := cells[1]
		if fallback := strings.TrimSpace(cells[2]); fallback == "required" {
			form += ", required"
		} else if fallback != "" {
			form += ", default " + fallback
		}
		fmt.Fprintf(&b, "**%s** (%s)\n: %s\n\n", roffSafe(key), roffSafe(form), strings.TrimSpace(meaning))
	}
	return strings.ReplaceAll(b.String(), "\x00", "|")
}

func manTitle(name, section string, date time.Time) string {
	month := ""
	if !date.IsZero() {
		month = date.UTC().Format("Jan 2006")
	}
	return fmt.Sprintf("%% %q %q %q %q %q\n", name, section, month, "vigente "+buildOf().version, "Vigente")
}

// roffSafe escapes markup in a line of usage.
func roffSafe(text string) string {
	return strings.NewReplacer("[", `\[`, "*", `\*`, "_", `\_`, "|", `\|`).Replace(text)
}
