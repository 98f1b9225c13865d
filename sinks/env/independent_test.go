package env_test

import (
	"regexp"
	"strings"
	"unicode"
)

// found is one assignment as an independent reader sees it.
type found struct {
	key, value string
	from, to   int  // the value as it is written
	bare       bool // a name without =, whose value comes from elsewhere
}

// independent reads a file with patterns, in another way than the package
// does. It reports false for a file that it does not understand; what the
// package understands and it does not is only a shell's.
func independent(style string, content string, old bool) ([]found, bool) {
	switch style {
	case "docker":
		return independentDocker(content), true
	case "shell":
		return independentShell(content)
	}
	return independentSystemd(content, old)
}

var (
	sdSpace      = regexp.MustCompile(`^[ \t\r\n]+`)
	sdComment    = regexp.MustCompile(`(?s)^[#;](?:[^\\\r\n]|\\[^\r\n])*\\?`)
	sdOldComment = regexp.MustCompile(`(?s)^[#;](?:[^\\\r\n]|\\.)*\\?`)
	sdKey        = regexp.MustCompile(`(?s)^[^\r\n][^=\r\n]*`)
	sdQuoted     = regexp.MustCompile(`(?s)^(?:[ \t]+|'[^']*'|"(?:[^"\\]|\\.)*")`)
	sdBare       = regexp.MustCompile(`(?s)^(?:[^\\\r\n]|\\.)*\\?`)
	sdToken      = regexp.MustCompile(`(?s)\\.|[ \t]+|[^ \t\\]+`)
	sdEscape     = regexp.MustCompile("(?s)\\\\[\"\\\\`$\n]")
)

func independentSystemd(content string, old bool) ([]found, bool) {
	var list []found
	comment := sdComment
	if old {
		comment = sdOldComment
	}
	at := 0
	eat := func(re *regexp.Regexp) string {
		m := re.FindString(content[at:])
		at += len(m)
		return m
	}
	for at < len(content) {
		if eat(sdSpace) != "" || eat(comment) != "" {
			continue
		}
		key := eat(sdKey)
		if at == len(content) || content[at] != '=' {
			continue
		}
		at++
		f := found{key: strings.TrimRight(key, " \t"), from: at}
		for first := true; ; first = false {
			part := eat(sdQuoted)
			if part == "" {
				break
			}
			switch part[0] {
			case '\'':
				f.value += part[1 : len(part)-1]
			case '"':
				f.value += sdEscape.ReplaceAllStringFunc(part[1:len(part)-1], func(e string) string { return strings.TrimPrefix(e[1:], "\n") })
			default:
				if first {
					f.from = at
				}
			}
		}
		if at < len(content) && (content[at] == '\'' || content[at] == '"') {
			return nil, false
		}
		f.value += sdUnescape(eat(sdBare))
		f.to = at
		list = append(list, f)
	}
	return list, true
}

// sdUnescape drops the backslashes of a bare value, and its trailing blanks.
func sdUnescape(bare string) string {
	value, blanks := "", ""
	for _, token := range sdToken.FindAllString(bare, -1) {
		switch {
		case token[0] == ' ' || token[0] == '\t':
			blanks += token
			continue
		case token[0] != '\\':
			token = blanks + token
		case token[1] == '\n' || token[1] == '\r':
			token = blanks
		default:
			token = blanks + token[1:]
		}
		value, blanks = value+token, ""
	}
	if oddTail(bare) {
		value += blanks // the file ends within an escape
	}
	return value
}

func oddTail(text string) bool {
	n := len(text) - len(strings.TrimRight(text, `\`))
	return n%2 == 1
}

func independentDocker(content string) []found {
	var list []found
	at := 0
	if strings.HasPrefix(content, "\xef\xbb\xbf") {
		at = 3
	}
	for _, line := range strings.SplitAfter(content[at:], "\n") {
		text := strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
		if !strings.HasSuffix(line, "\n") {
			text = strings.TrimSuffix(line, "\r")
		}
		if name := strings.TrimLeftFunc(text, unicode.IsSpace); name != "" && name[0] != '#' {
			f := found{to: at + len(text)}
			key, value, ok := strings.Cut(name, "=")
			f.key, f.value, f.from, f.bare = key, value, f.to-len(value), !ok
			list = append(list, f)
		}
		at += len(line)
	}
	return list
}

var (
	shSkip   = regexp.MustCompile(`^(?:[ \t\n]+|#[^\n]*)`)
	shExport = regexp.MustCompile(`^export[ \t]+`)
	shAssign = regexp.MustCompile("(?s)^([A-Za-z_][A-Za-z0-9_]*)=((?:'[^']*'|\"(?:[^\"\\\\$`]|\\\\.)*\"|\\\\.|[A-Za-z0-9_@%+=:,./#\\x80-\\xff-])*)")
	shPart   = regexp.MustCompile("(?s)'[^']*'|\"(?:[^\"\\\\]|\\\\.)*\"|\\\\.|[^'\"\\\\]+")
	shEscape = regexp.MustCompile("(?s)\\\\[\"\\\\`$\n]")
	shEnd    = regexp.MustCompile(`^(?:[ \t]*(?:[\n;]|$)|[ \t]+#[^\n]*)`)
	shNext   = regexp.MustCompile(`^[ \t]+`)
)

// independentShell understands lists of assignments, plain or exported.
func independentShell(content string) ([]found, bool) {
	var list []found
	at := 0
	for at < len(content) {
		if m := shSkip.FindString(content[at:]); m != "" {
			at += len(m)
			continue
		}
		at += len(shExport.FindString(content[at:]))
		for {
			m := shAssign.FindStringSubmatchIndex(content[at:])
			if m == nil {
				return nil, false
			}
			f := found{key: content[at+m[2] : at+m[3]], from: at + m[4], to: at + m[5]}
			f.value = shUnquote(content[f.from:f.to])
			list = append(list, f)
			at += m[1]
			if end := shEnd.FindStringIndex(content[at:]); end != nil {
				at += end[1]
				break
			}
			gap := shNext.FindString(content[at:])
			if gap == "" {
				return nil, false
			}
			at += len(gap)
		}
	}
	return list, true
}

func shUnquote(text string) string {
	return shPart.ReplaceAllStringFunc(text, func(part string) string {
		switch part[0] {
		case '\'':
			return part[1 : len(part)-1]
		case '"':
			return shEscape.ReplaceAllStringFunc(part[1:len(part)-1], func(e string) string { return strings.TrimPrefix(e[1:], "\n") })
		case '\\':
			return strings.TrimPrefix(part[1:], "\n")
		}
		return part
	})
}
