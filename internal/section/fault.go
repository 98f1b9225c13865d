package section

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Fault is one thing that is wrong in the configuration. Message says what is wrong and,
// in parentheses, what was expected. It never contains a secret.
type Fault struct {
	File    string
	Line    int // from 1
	Key     string
	Message string
	// Path is set if the key is right but what it refers to cannot be used: a file, or an
	// environment variable with a dollar sign. Such a fault affects only what uses the
	// key.
	Path string
}

// Missing reports whether the configuration is right but what it refers to cannot be
// used.
func (f Fault) Missing() bool { return f.Path != "" }

// Error returns the fault as one line: FILE:LINE: KEY: MESSAGE.
func (f Fault) Error() string {
	return fmt.Sprintf("%s:%d: %s: %s", f.File, f.Line, f.Key, f.Message)
}

// Sort sorts faults by file, in the given order, and by line, and removes duplicates.
func Sort(faults []Fault, files []string) []Fault {
	if len(faults) == 0 {
		return nil
	}
	rank := make(map[string]int, len(files))
	for i, name := range files {
		if _, ok := rank[name]; !ok {
			rank[name] = i
		}
	}
	sorted := slices.Clone(faults)
	slices.SortStableFunc(sorted, func(a, b Fault) int {
		ra, oka := rank[a.File]
		rb, okb := rank[b.File]
		switch {
		case oka != okb && oka:
			return -1
		case oka != okb:
			return 1
		case ra != rb:
			return ra - rb
		case a.File != b.File:
			return strings.Compare(a.File, b.File)
		}
		return a.Line - b.Line
	})
	seen := make(map[Fault]bool, len(sorted))
	return slices.DeleteFunc(sorted, func(f Fault) bool {
		again := seen[f]
		seen[f] = true
		return again
	})
}

// oneLine keeps a message on one line, whatever values it contains.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}

// shown returns a key as faults show it: quoted unless it is a bare key of TOML, and cut if
// it is long.
func shown(key string) string {
	const most = 64
	bare := key != ""
	for _, r := range key {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-') {
			bare = false
			break
		}
	}
	if runes := []rune(key); len(runes) > most {
		key = string(runes[:most]) + "…"
	}
	if bare {
		return key
	}
	return fmt.Sprintf("%q", key)
}

// dotted joins the elements of a path as faults show them.
func dotted(path []string) string {
	parts := make([]string, len(path))
	for i, key := range path {
		parts[i] = shown(key)
	}
	return strings.Join(parts, ".")
}
