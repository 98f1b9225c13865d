package section

import (
	"regexp"
	"strings"
)

var driveLetter = regexp.MustCompile(`^[A-Za-z]:[\\/]`)

// pathProblem says what makes a text hardly the path that was meant: what a
// shell, a browser or another system would make a path of, and this program
// would take for the name of a file.
func pathProblem(text string) string {
	switch {
	case strings.ContainsRune(text, 0):
		return "holds a zero byte (expected a path)"
	case strings.TrimSpace(text) != text:
		return "begins or ends with a blank (expected the bare path)"
	case text == "~" || strings.HasPrefix(text, "~"):
		return "begins with ~, which only a shell replaces (expected the whole path)"
	case strings.HasPrefix(text, "$"):
		return "begins with a variable, which only a shell replaces (expected the whole path)"
	case strings.Contains(text, "$HOME") || strings.Contains(text, "${HOME}"):
		return "holds a variable, which only a shell replaces (expected the whole path)"
	case strings.HasPrefix(strings.ToLower(text), "file:"):
		return "is a URL (expected the path alone, without file://)"
	case driveLetter.MatchString(text) || strings.HasPrefix(text, `\\`):
		return "is a path of Windows (expected one of this machine, such as /etc/vigente/secret)"
	}
	return ""
}
