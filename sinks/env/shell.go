package env

import (
	"bytes"
	"slices"
	"strings"
)

// The rules of the shell stand in POSIX.1, Shell Command Language. This is no
// shell: it only tells apart commands, words and quotes, so that text within
// quotes is never taken for an assignment, and refuses what shells read in
// different ways. An assignment that may not run is known but doubted.
//
// The parser of mvdan.cc/sh/v3 (3.14.1) was tried in place of this reader and
// was not kept, although it finds more syntax errors:
//   - It recurses without a limit: 150 kB of "(" end the process with a stack
//     overflow that cannot be recovered, and the owner of the file may be
//     another user than the daemon's.
//   - It treats a carriage return as a blank, which in dash and bash is part of
//     a word, and refuses bytes that are not UTF-8, even in a comment.
//   - It parses the text between backticks at once and refuses files that dash
//     and bash read.
//   - Its POSIX mode refuses arrays, [[ and function, so refusing every file
//     that the modes read differently would refuse files written for bash.
//
// Bytes could be masked before the parse. Limiting the depth and skipping
// backticks would need a reader of quotes and words like this one.

// readShell sees the file as a POSIX shell or bash does.
func readShell(content []byte) ([]assignment, error) {
	s := &shell{src: content}
	s.commands()
	switch {
	case len(s.open) > 0:
		s.unended(len(content), "a compound command or a parenthesis is opened and never closed")
	case s.cmd.conditional:
		s.unended(len(content), "the last command goes on behind the end of the file")
	}
	if s.problem != "" {
		r := refusalf("line %d: %s, so the file is not understood (fix it, or give the sink a file of its own)", lineOf(content, min(s.problemAt, len(content))), s.problem)
		r.torn = s.torn
		return nil, r
	}
	return s.list, nil
}

// shell is one walk over a file.
type shell struct {
	src  []byte
	at   int
	open []byte // what is open: the closing word's first letter, or '('
	list []assignment
	// inner counts the command substitutions around the present place. They
	// run in a shell of their own, whose variables nobody sees. depth counts
	// expansions of any kind.
	inner, depth int

	cmd command
	// begun says that the present command has a word, a redirection, or a compound
	// command before it that has just been closed.
	begun bool

	problem   string
	problemAt int
	torn      bool // the file ended too early
}

// command is the simple command that is being read.
type command struct {
	words []word
	// conditional says that it may not run, or runs in a shell of its own.
	conditional bool
}

func (s *shell) failed() bool { return s.problem != "" }

func (s *shell) fail(at int, problem string) {
	if s.problem == "" {
		s.problem, s.problemAt = problem, at
	}
	s.at = len(s.src)
}

// unended fails for want of the rest of the file.
func (s *shell) unended(at int, problem string) {
	s.torn = s.torn || s.problem == ""
	s.fail(at, problem)
}

// substitution skips $(…), whose commands are read like any others.
func (s *shell) substitution() {
	outer, begun, depth := s.cmd, s.begun, len(s.open)
	opened := s.at
	s.open, s.cmd = append(s.open, '$'), command{}
	s.inner++
	s.commands()
	s.inner--
	s.cmd, s.begun = outer, begun
	if len(s.open) > depth {
		s.unended(opened, "a $( is opened and never closed")
	}
}

// commands reads to the end of the file, or of the present substitution.
func (s *shell) commands() {
	for s.at < len(s.src) {
		c := s.src[s.at]
		switch {
		case c == ' ' || c == '\t':
			s.at++
		case c == '\\' && s.at+1 < len(s.src) && s.src[s.at+1] == '\n':
			s.at += 2
		case c == '#':
			s.comment()
		case c == ')' && len(s.open) > 0 && s.open[len(s.open)-1] == '$':
			s.end(false)
			s.open = s.open[:len(s.open)-1]
			s.at++
			return
		case strings.IndexByte("\n;&|()", c) >= 0:
			s.separator(c)
		case c == '<' || c == '>':
			s.redirection()
		default:
			s.take(s.word())
		}
	}
	s.end(false)
}

func (s *shell) comment() {
	i := bytes.IndexByte(s.src[s.at:], '\n')
	if i < 0 {
		i = len(s.src) - s.at
	}
	s.at += i
}

// separator ends the present command. What stands before or behind && and ||
// may not run, or run in a shell of its own: the list may end with &.
func (s *shell) separator(c byte) {
	if !s.begun && len(s.open) == 0 && strings.IndexByte(";&|", c) >= 0 {
		s.fail(s.at, "no command stands before the "+string(c))
		return
	}
	s.begun = c == ')'
	s.end(c == '&' || c == '|')
	next := byte(0)
	if s.at++; s.at < len(s.src) {
		next = s.src[s.at]
	}
	switch c {
	case '(':
		s.open = append(s.open, '(')
	case ')':
		s.closeParenthesis()
	case ';':
		if next == ';' || next == '&' {
			if len(s.open) == 0 {
				s.fail(s.at-1, "the "+string(c)+string(next)+" ends no case")
			}
			s.at++
		}
	case '&', '|':
		s.cmd.conditional = c == '|' || next == '&'
		if next == '&' || next == c {
			s.at++
		}
	}
}

// closeParenthesis also meets the one that ends a pattern of case.
func (s *shell) closeParenthesis() {
	switch top := len(s.open) - 1; {
	case top >= 0 && s.open[top] == '(':
		s.open = s.open[:top]
	case top >= 0 && s.open[top] == 'e':
	default:
		s.fail(s.at-1, "a parenthesis is closed and was never opened")
	}
}

// redirection skips the operator and its target.
func (s *shell) redirection() {
	from := s.at
	s.begun = true
	for s.at < len(s.src) && strings.IndexByte("<>&|", s.src[s.at]) >= 0 {
		s.at++
	}
	op := string(s.src[from:s.at])
	if strings.HasPrefix(op, "<<") && op != "<<<" {
		s.fail(from, "here-documents are not supported")
		return
	}
	s.blanks()
	if s.at < len(s.src) && s.src[s.at] == '(' {
		s.fail(from, "process substitutions are not supported")
		return
	}
	if s.at < len(s.src) && s.src[s.at] == '-' {
		s.at++ // >&-
		return
	}
	if w := s.word(); w.from == w.to && !bytes.HasPrefix(s.src[s.at:], []byte(">(")) && !bytes.HasPrefix(s.src[s.at:], []byte("<(")) {
		s.fail(from, "a redirection names no file")
	}
}

// opening and closing words of compound commands, by the mark in shell.open.
// Those without a mark of their own are followed by another command.
func opening(text string) (mark byte, ok bool) {
	switch text {
	case "if":
		return 'f', true
	case "while", "until":
		return 'd', true
	case "{":
		return '}', true
	case "then", "else", "elif", "do", "!", "time":
		return 0, true
	}
	return 0, false
}

func closing(text string) (mark byte, ok bool) {
	switch text {
	case "fi":
		return 'f', true
	case "done":
		return 'd', true
	case "esac":
		return 'e', true
	case "}":
		return '}', true
	}
	return 0, false
}

// take adds a word to the present command, unless it is a reserved word.
func (s *shell) take(w word) {
	raw := string(s.src[w.from:w.to])
	s.begun = true
	switch {
	case s.failed():
		return
	case s.at < len(s.src) && (s.src[s.at] == '<' || s.src[s.at] == '>') && strings.Trim(raw, "0123456789") == "":
		return // the number of a redirection
	case len(s.cmd.words) > 0:
		s.cmd.words = append(s.cmd.words, w)
		return
	}
	if mark, ok := opening(raw); ok {
		if mark != 0 {
			s.open = append(s.open, mark)
		}
		if raw == "!" || raw == "time" {
			return
		}
		s.cmd.conditional = false
		return
	}
	if mark, ok := closing(raw); ok {
		if top := len(s.open) - 1; top < 0 || s.open[top] != mark {
			s.fail(w.from, "the word "+raw+" closes nothing")
			return
		}
		s.open = s.open[:len(s.open)-1]
		return
	}
	switch raw {
	case "for", "select":
		s.open = append(s.open, 'd')
	case "case":
		s.open = append(s.open, 'e')
	case "function":
		s.blanks()
		s.word()
		return
	}
	s.cmd.words = append(s.cmd.words, w)
}

func (s *shell) blanks() {
	for s.at < len(s.src) && (s.src[s.at] == ' ' || s.src[s.at] == '\t') {
		s.at++
	}
}

// end looks at the command that has been read, if any. joined says that it is
// part of a pipeline, a list or the background.
func (s *shell) end(joined bool) {
	if len(s.cmd.words) == 0 {
		// A list goes on behind a line end.
		return
	}
	cmd := s.cmd
	s.cmd = command{}
	if s.failed() || s.inner > 0 {
		return
	}
	doubt := ""
	if len(s.open) > 0 || cmd.conditional || joined {
		doubt = "it cannot be told whether this assignment runs"
	}
	i := 0
	var given []assignment
	for ; i < len(cmd.words); i++ {
		a, ok := s.assignment(cmd.words[i])
		if !ok {
			break
		}
		given = append(given, a)
	}
	if i == len(cmd.words) {
		s.add(given, doubt)
		return
	}
	s.add(given, "the variable is set for one command only")
	s.run(cmd.words[i], cmd.words[i+1:], doubt)
}

// run looks at the arguments of a command that may set variables.
func (s *shell) run(name word, args []word, doubt string) {
	exports := name.literal && (string(name.text) == "export" || string(name.text) == "readonly")
	names := name.literal && slices.Contains([]string{
		"unset", "read", "for", "select", "getopts", "local", "declare", "typeset", "mapfile", "readarray", "printf",
	}, string(name.text))
	switch string(name.text) {
	case "exit", "return":
		if doubt == "" && name.literal {
			s.fail(name.from, "nothing behind this command runs")
		}
	case "exec":
		if doubt == "" && name.literal && len(args) > 0 {
			s.fail(name.from, "nothing behind this command runs")
		}
	}
	for _, arg := range args {
		if a, ok := s.argument(arg); ok {
			if !exports {
				doubt = "a command is given this assignment"
			}
			s.add([]assignment{a}, doubt)
		} else if names && isName(string(arg.text)) {
			s.add([]assignment{{key: string(arg.text), from: arg.from, to: arg.to}}, "a command may change this variable")
		}
	}
}

func (s *shell) add(list []assignment, doubt string) {
	for _, a := range list {
		if a.doubt == "" {
			a.doubt = doubt
		}
		s.list = append(s.list, a)
	}
}

// assignment reads a word of the form NAME=…, whose name is not quoted.
func (s *shell) assignment(w word) (assignment, bool) {
	raw := s.src[w.from:w.to]
	n := nameLength(raw)
	switch {
	case n == 0 || n == len(raw):
		return assignment{}, false
	case raw[n] == '=':
		return s.valued(string(raw[:n]), w.from+n+1, w.to), true
	case raw[n] == '[', bytes.HasPrefix(raw[n:], []byte("+=")):
		return assignment{key: string(raw[:n]), from: w.from, to: w.to, value: string(raw), doubt: "this is no plain assignment"}, true
	}
	return assignment{}, false
}

// valued returns the assignment whose value is written at [from, to).
func (s *shell) valued(key string, from, to int) assignment {
	inner := shell{src: s.src[:to], at: from}
	value := inner.word()
	a := assignment{key: key, from: from, to: to, value: string(value.text), literal: value.literal}
	if !a.literal {
		a.value = string(s.src[from:to])
	}
	if to < len(s.src) && s.src[to] == '(' {
		a.doubt = "the variable is an array"
	}
	return a
}

// argument reads an argument of the form NAME=…, which may be quoted as a
// whole.
func (s *shell) argument(w word) (assignment, bool) {
	if a, ok := s.assignment(w); ok {
		return a, true
	}
	n := nameLength(w.text)
	if n == 0 || n == len(w.text) || w.text[n] != '=' {
		return assignment{}, false
	}
	key := string(w.text[:n])
	a := assignment{key: key, from: w.from, to: w.to, prefix: key + "=", value: string(w.text[n+1:]), literal: w.literal}
	if !a.literal {
		a.value, a.doubt = string(s.src[w.from:w.to]), "the name of the variable may be computed"
	}
	return a, true
}

// quoteShell writes a value for a shell. Within single quotes a shell
// interprets nothing.
func quoteShell(_, value string) (string, error) {
	switch {
	case strings.IndexByte(value, 0) >= 0:
		return "", errZeroByte
	case plain(value):
		return value, nil
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'", nil
}
