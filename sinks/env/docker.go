package env

import (
	"bytes"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The rules of docker run --env-file stand in pkg/kvfile of docker/cli: one
// KEY=VALUE a line, the value as it is, no quoting at all.

// maxDockerLine is the longest line that docker's scanner takes, with its CR.
const maxDockerLine = 64<<10 - 1

// readDocker sees the file as the docker command does.
func readDocker(content []byte) ([]assignment, error) {
	var list []assignment
	at := 0
	if bytes.HasPrefix(content, []byte("\xef\xbb\xbf")) {
		at = 3
	}
	for at < len(content) {
		next, to := len(content), len(content)
		if i := bytes.IndexByte(content[at:], '\n'); i >= 0 {
			to, next = at+i, at+i+1
		}
		long := to-at > maxDockerLine
		if to > at && content[to-1] == '\r' {
			to--
		}
		if a, ok := dockerLine(content, at, to); ok {
			if a.key == "" || strings.ContainsAny(a.key, " \t") {
				return nil, refusalf("line %d: docker refuses a file with a name that is empty or contains a blank (fix the line, or start it with #)", lineOf(content, at))
			}
			a.literal = a.literal && !long
			list = append(list, a)
		}
		at = next
	}
	return list, nil
}

// dockerLine reads one line. A name without = takes its value from the
// environment of the docker command.
func dockerLine(content []byte, at, to int) (assignment, bool) {
	line := bytes.TrimLeftFunc(content[at:to], unicode.IsSpace)
	if len(line) == 0 || line[0] == '#' {
		return assignment{}, false
	}
	at = to - len(line)
	key, value, found := bytes.Cut(line, []byte("="))
	if !found {
		return assignment{key: string(key), from: to, to: to, prefix: "="}, true
	}
	return assignment{key: string(key), from: at + len(key) + 1, to: to, value: string(value), literal: true}, true
}

// quoteDocker refuses what a line cannot carry as it is.
func quoteDocker(key, value string) (string, error) {
	switch {
	case !utf8.ValidString(value):
		return "", errors.New("is no valid UTF-8, and docker refuses a file with such a line (use a sink of type file)")
	case strings.ContainsAny(value, "\n\x00"):
		return "", errors.New("contains a line break or a zero byte, which the docker form cannot carry (use a sink of type file)")
	case strings.HasSuffix(value, "\r"):
		return "", errors.New("ends with a carriage return, which docker drops (use a sink of type file)")
	case len(key)+len("=")+len(value)+len("\r") > maxDockerLine:
		return "", errors.New("makes a line longer than the 64 KiB that docker reads (use a sink of type file)")
	}
	return value, nil
}
