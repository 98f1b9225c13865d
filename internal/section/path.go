package section

import (
	"regexp"
	"strings"
)

var driveLetter = regexp.MustCompile(`^[A-Za-z]:[\\/]`)

// pathProblem says why a text is probably not the intended path: a shell, a browser or
// another system would understand it as a path, but this program would use it as a file
// name.
func pathProblem(text string) string {
	switch {
	case strings.ContainsRune(text, 0):
		return "holds a zero byte (expected a path)"
	case strings.TrimSpace(text) != text:
		return "begins or ends with a blank (expected the bare path)"
	case HoldsInvisible(text):
		return "holds an invisible character (expected the bare path)"
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
