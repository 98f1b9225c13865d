package section

import "fmt"

// Limits of one file. The TOML library keeps a node for each element of a key and
// recurses for each level of nesting, so a file of nothing but dots or brackets would
// use all memory.
const (
	mostLines    = 4_000_000
	mostElements = 32 // of one key
	mostNesting  = 64 // of arrays and inline tables
)

// bounded scans the text of a file before it is parsed, and returns the line and the
// problem if it exceeds a limit.
func bounded(data []byte) (line int, problem string) {
	line = 1
	dots, depth := 0, 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '\n':
			if line++; line > mostLines {
				return line, fmt.Sprintf("the file has more than %d lines (expected fewer, or several files)", mostLines)
			}
			dots = 0
		case '#':
			for i+1 < len(data) && data[i+1] != '\n' {
				i++
			}
		case '"', '\'':
			end := skipString(data, i)
			for _, c := range data[i:end] {
				if c == '\n' {
					line++
				}
			}
			i = end - 1
		case '.':
			if dots++; dots >= mostElements {
				return line, fmt.Sprintf("a key has more than %d elements (expected fewer dots)", mostElements)
			}
		case '=', ',':
			dots = 0
		case '[', '{':
			dots = 0
			if depth++; depth > mostNesting {
				return line, fmt.Sprintf("arrays and tables are nested more than %d deep (expected fewer brackets)", mostNesting)
			}
		case ']', '}':
			dots = 0
			depth = max(0, depth-1)
		}
	}
	return 0, ""
}

// skipString returns the offset after the string that begins at i. If a single-line
// string is not closed, which the parser reports, it returns the end of the line.
func skipString(data []byte, i int) int {
	quote := data[i]
	long := i+2 < len(data) && data[i+1] == quote && data[i+2] == quote
	if long {
		i += 2
	}
	for i++; i < len(data); i++ {
		switch {
		case data[i] == '\\' && quote == '"':
			i++
		case data[i] == '\n' && !long:
			return i
		case data[i] != quote:
		case !long:
			return i + 1
		case i+2 < len(data) && data[i+1] == quote && data[i+2] == quote:
			return i + 3
		}
	}
	return len(data)
}
