package view

import (
	"regexp"
	"slices"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// Public returns a view for readers who are not logged in: names, states, reasons and
// our own sentences, but no paths, hosts or texts of the configuration.
func Public(v engine.View) engine.View {
	v.Credentials, v.Sinks = slices.Clone(v.Credentials), slices.Clone(v.Sinks)
	for i := range v.Credentials {
		c := &v.Credentials[i]
		c.LastError = publicNote(c.LastError)
	}
	for i := range v.Sinks {
		s := &v.Sinks[i]
		s.Path, s.LastError, s.HookError = "", publicNote(s.LastError), publicNote(s.HookError)
	}
	v.StateError = PublicText(v.StateError)
	return v
}

// PublicConfig tells readers who are not logged in that something is wrong with the
// configuration, but not what.
func PublicConfig(c Config) Config {
	if c.LastError != "" {
		c.LastError = "The log and vigente status tell why."
	}
	c.Listener = PublicText(c.Listener)
	c.Fleets, c.Warnings = slices.Clone(c.Fleets), slices.Clone(c.Warnings)
	for i := range c.Fleets {
		c.Fleets[i].BadRows, c.Fleets[i].Problem = nil, PublicText(c.Fleets[i].Problem)
	}
	for i := range c.Warnings {
		c.Warnings[i].Path, c.Warnings[i].Message = "", PublicText(c.Warnings[i].Message)
	}
	return c
}

func publicNote(n *schedule.Note) *schedule.Note {
	if n == nil {
		return nil
	}
	note := *n
	note.Message = PublicText(n.Message)
	return &note
}

// hidden replaces what is not shown.
const hidden = "…"

// private matches what a message may contain of the configuration: quoted text, and
// what looks like a URL, a path, an address or a host.
var private = regexp.MustCompile(
	`"(?:[^"\\]|\\.)*"` + // quoted
		`|[a-z][a-z0-9+.-]*://[^\s,;)]*` + // a URL
		`|[^\s,;()"]*[/\\][^\s,;()"]*[^\s,;:()"]` + // a path
		`|\[[0-9A-Fa-f:.%]+\](?::\d+)?` + // an address of IPv6
		`|\b[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+(?::\d+)?` + // a name with dots, a number of IPv4
		`|\b[A-Za-z0-9_-]+:\d+`, // a host or file and a number
)

// named matches hosts and variables that private cannot recognise, by the words before
// them in our messages.
var named = regexp.MustCompile(`\b(connect to|call|the answer of|trust|proxy|variable|credential|user|owner|group|host|command) ([^\s,;:()]+)`)

// ours matches words of our messages that look like something of the configuration.
var ours = regexp.MustCompile(`^(?:providers|credentials|sinks|fleets|daemon|renewal|log|tls|web|cluster)\.[a-z_.]+$|^\d+(?:\.\d+)?$|^(?:and/or|I/O|HTTP/\d(?:\.\d)?|LoadCredential=)$`)

// PublicText hides what a message contains of the configuration. Where to change
// something is left out.
func PublicText(message string) string {
	message, _ = Places(message)
	message = private.ReplaceAllStringFunc(message, func(found string) string {
		if ours.MatchString(found) {
			return found
		}
		return hidden
	})
	return named.ReplaceAllStringFunc(message, func(found string) string {
		parts := named.FindStringSubmatch(found)
		if plain[parts[2]] {
			return found
		}
		return parts[1] + " " + hidden
	})
}

// plain are words that follow those of named in our messages but are not names.
var plain = map[string]bool{
	"is": true, "was": true, "to": true, "of": true, "in": true, "and": true, "or": true, "that": true, "on": true, "it": true,
	"the": true, "this": true, "by": true, "for": true, "with": true, "has": true, "refused": true, "wants": true, "name": true,
	"took": true, "ended": true, "does": true, "cannot": true, "not": true, "may": true, "before": true, "at": true, "again": true,
}
