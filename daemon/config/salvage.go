package config

import (
	"bytes"
	"regexp"
	"strings"

	"github.com/vigented/vigente/internal/section"
)

var (
	daemonHeader = regexp.MustCompile(`^\[\s*daemon\s*\]\s*(#.*)?$`)
	socketKey    = regexp.MustCompile(`^(state_dir|control_socket)\s*=`)
)

// salvage finds the lines of [daemon] that say where the running daemon
// listens, in a main file that is not valid TOML. After breaking that file, a
// user asks for the status next, and must not be told that no daemon is
// running. It returns nil if the lines cannot be identified. Nothing found here
// is ever used to run the daemon.
func salvage(name string, data []byte, reader *section.Reader) *section.Section {
	var kept strings.Builder
	inside := false
	for line := range bytes.Lines(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))) {
		text := strings.TrimSpace(string(line))
		switch {
		case strings.HasPrefix(text, "["):
			inside = daemonHeader.MatchString(text)
		case inside && socketKey.MatchString(text):
			if _, faults := section.ParseFile(name, []byte(text), reader); len(faults) == 0 {
				kept.WriteString(text + "\n")
			}
		}
	}
	s, faults := section.ParseFile(name, []byte("[daemon]\n"+kept.String()), reader)
	if s == nil || len(faults) > 0 {
		return nil
	}
	return s.Object(tableDaemon)
}

var anyDaemonHeader = regexp.MustCompile(`^\[\s*daemon\s*(\.[^\]]*)?\]`)

// onlyDaemon returns the part of a file before its first table, and the
// [daemon] tables.
func onlyDaemon(data []byte) []byte {
	var kept []byte
	inside := true
	for line := range bytes.Lines(data) {
		if text := bytes.TrimLeft(line, " \t"); bytes.HasPrefix(text, []byte("[")) {
			inside = anyDaemonHeader.Match(text)
		}
		if inside {
			kept = append(kept, line...)
		}
	}
	return kept
}
