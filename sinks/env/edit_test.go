package env_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/sinks/env"
)

func pair(key, value string) env.Pair {
	return env.Pair{Key: key, Value: credential.NewSecret(value)}
}

// edits are files before and after TOKEN was set to NEW, or to value.
var edits = []struct {
	name      string
	style     env.Style
	value     string
	in, want  string
	unchanged bool // for the reader it is right already
}{
	{name: "empty", style: env.Systemd, in: "", want: "TOKEN=NEW\n"},
	{name: "plain", style: env.Systemd, in: "A=1\nTOKEN=old\nB=2\n", want: "A=1\nTOKEN=NEW\nB=2\n"},
	{name: "absent", style: env.Systemd, in: "A=1\n", want: "A=1\nTOKEN=NEW\n"},
	{name: "absent, no final newline", style: env.Systemd, in: "A=1", want: "A=1\nTOKEN=NEW\n"},
	{name: "absent, blanks at the end", style: env.Systemd, in: "A=1\n  ", want: "A=1\n  \nTOKEN=NEW\n"},
	{name: "absent, CRLF", style: env.Systemd, in: "A=1\r\nB=2", want: "A=1\r\nB=2\r\nTOKEN=NEW\r\n"},
	{name: "CRLF", style: env.Systemd, in: "TOKEN=old\r\nB=2\r\n", want: "TOKEN=NEW\r\nB=2\r\n"},
	{name: "blanks around", style: env.Systemd, in: "  TOKEN \t= \told \t\nB=2\n", want: "  TOKEN \t= \tNEW\nB=2\n"},
	{name: "empty value", style: env.Systemd, in: "TOKEN=\nB=2\n", want: "TOKEN=NEW\nB=2\n"},
	{name: "empty value, end of file", style: env.Systemd, in: "TOKEN=", want: "TOKEN=NEW"},
	{name: "blank value", style: env.Systemd, in: "TOKEN= \t\nB=2\n", want: "TOKEN= \tNEW\nB=2\n"},
	{name: "repeated", style: env.Systemd, in: "TOKEN=a\nB=2\nTOKEN='b'\n", want: "TOKEN=NEW\nB=2\nTOKEN=NEW\n"},
	{name: "comments stay", style: env.Systemd, in: "#TOKEN=a\n ;TOKEN=b\nTOKEN=old\n", want: "#TOKEN=a\n ;TOKEN=b\nTOKEN=NEW\n"},
	{name: "no comment behind a value", style: env.Systemd, in: "TOKEN=old # note\n", want: "TOKEN=NEW\n"},
	{name: "quoted old value", style: env.Systemd, in: "TOKEN=\"o\\\"l\nd\" 'x'y\nB=2\n", want: "TOKEN=NEW\nB=2\n"},
	{name: "continued old value", style: env.Systemd, in: "TOKEN=a\\\nTOKEN=b\nB=2\n", want: "TOKEN=NEW\nB=2\n"},
	{name: "already so, quoted", style: env.Systemd, in: "TOKEN='NEW'\n", unchanged: true},
	{name: "already so, escaped", style: env.Systemd, in: "TOKEN= \"NE\"\\W \n", unchanged: true},
	{name: "already so, two forms", style: env.Systemd, in: "TOKEN=NEW\nTOKEN=\"NEW\"", unchanged: true},
	{name: "inside another's double quotes", style: env.Systemd, in: "A=\"x\nTOKEN=a\n\"\nB=2\n", want: "A=\"x\nTOKEN=a\n\"\nB=2\nTOKEN=NEW\n"},
	{name: "inside another's single quotes", style: env.Systemd, in: "A='x\nTOKEN=a\n'\nTOKEN=old\n", want: "A='x\nTOKEN=a\n'\nTOKEN=NEW\n"},
	{name: "escaped quote inside another's quotes", style: env.Systemd, in: "A=\"x\\\"\nTOKEN=a\n\"\n", want: "A=\"x\\\"\nTOKEN=a\n\"\nTOKEN=NEW\n"},
	{name: "quotes within a bare value are letters", style: env.Systemd, in: "A=x\"y\nTOKEN=old\n", want: "A=x\"y\nTOKEN=NEW\n"},
	{name: "another continues", style: env.Systemd, in: "A=x\\\nTOKEN=a\nTOKEN=old\n", want: "A=x\\\nTOKEN=a\nTOKEN=NEW\n"},
	{name: "the last line continues", style: env.Systemd, in: "A=x\\", want: "A=x\\\n\nTOKEN=NEW\n"},
	{name: "the last line continues, newline", style: env.Systemd, in: "A=x\\\n", want: "A=x\\\n\nTOKEN=NEW\n"},
	{name: "a comment that ends with a backslash", style: env.Systemd, in: "# in C:\\\nTOKEN=old\nB=2\n", want: "# in C:\\\nTOKEN=NEW\nB=2\nTOKEN=NEW\n"},
	{name: "such a comment at the end", style: env.Systemd, in: "A=1\n# in C:\\", want: "A=1\n# in C:\\\n\nTOKEN=NEW\n"},
	{name: "such a comment before another", style: env.Systemd, in: "# in C:\\\nA=1\nTOKEN=old\n", want: "# in C:\\\nA=1\nTOKEN=NEW\n"},
	{name: "export is no word of systemd", style: env.Systemd, in: "export TOKEN=old\n", want: "export TOKEN=old\nTOKEN=NEW\n"},
	{name: "case counts", style: env.Systemd, in: "Token=a\nTOKEN2=b\nXTOKEN=c\n", want: "Token=a\nTOKEN2=b\nXTOKEN=c\nTOKEN=NEW\n"},
	{name: "junk line", style: env.Systemd, in: "TOKEN\nTOKEN old\n=TOKEN=x\n", want: "TOKEN\nTOKEN old\n=TOKEN=x\nTOKEN=NEW\n"},
	{name: "raw bytes elsewhere", style: env.Systemd, in: "# a\xe7\xe3o\nA=caf\xe9\nTOKEN=\xff\n", want: "# a\xe7\xe3o\nA=caf\xe9\nTOKEN=NEW\n"},
	{name: "byte order mark", style: env.Systemd, in: "\xef\xbb\xbfTOKEN=a\n", want: "\xef\xbb\xbfTOKEN=a\nTOKEN=NEW\n"},
	{name: "value to be quoted", style: env.Systemd, value: "a b\"c\\d`e$f'g#\nh\ti é", in: "TOKEN=old\n", want: "TOKEN=\"a b\\\"c\\\\d\\`e\\$f'g#\nh\ti é\"\n"},

	{name: "empty", style: env.Shell, in: "", want: "TOKEN=NEW\n"},
	{name: "plain", style: env.Shell, in: "A=1\nTOKEN=old\nB=2\n", want: "A=1\nTOKEN=NEW\nB=2\n"},
	{name: "absent", style: env.Shell, in: "A=1\n", want: "A=1\nTOKEN=NEW\n"},
	{name: "absent, no final newline", style: env.Shell, in: "A=1", want: "A=1\nTOKEN=NEW\n"},
	{name: "export stays", style: env.Shell, in: "export TOKEN=old\n", want: "export TOKEN=NEW\n"},
	{name: "export of several", style: env.Shell, in: "export A=1 TOKEN=old B=2\n", want: "export A=1 TOKEN=NEW B=2\n"},
	{name: "export, quoted as a whole", style: env.Shell, in: "export \"TOKEN=old x\" B=2\n", want: "export TOKEN=NEW B=2\n"},
	{name: "export without value", style: env.Shell, in: "TOKEN=old\nexport TOKEN\n", want: "TOKEN=NEW\nexport TOKEN\n"},
	{name: "the rest of the line stays", style: env.Shell, in: "TOKEN='old' # note\n A=1; TOKEN=b ;B=2\n", want: "TOKEN=NEW # note\n A=1; TOKEN=NEW ;B=2\n"},
	{name: "several on a line", style: env.Shell, in: "A=1 TOKEN=old B=2\n", want: "A=1 TOKEN=NEW B=2\n"},
	{name: "empty value", style: env.Shell, in: "TOKEN=\nB=2\n", want: "TOKEN=NEW\nB=2\n"},
	{name: "empty value, end of file", style: env.Shell, in: "TOKEN=", want: "TOKEN=NEW"},
	{name: "repeated", style: env.Shell, in: "TOKEN=a\nexport TOKEN=\"b\"\n", want: "TOKEN=NEW\nexport TOKEN=NEW\n"},
	{name: "comments stay", style: env.Shell, in: "#TOKEN=a\n  # TOKEN=b\nTOKEN=old\n", want: "#TOKEN=a\n  # TOKEN=b\nTOKEN=NEW\n"},
	{name: "a comment does not continue", style: env.Shell, in: "# in C:\\\nTOKEN=old\n", want: "# in C:\\\nTOKEN=NEW\n"},
	{name: "# within a word", style: env.Shell, in: "A=b#'\nTOKEN=a\n'\n", want: "A=b#'\nTOKEN=a\n'\nTOKEN=NEW\n"},
	{name: "computed old value", style: env.Shell, in: "TOKEN=$(cat <f; echo ')' TOKEN=b)`echo x`${A:-c}$A\nB=2\n", want: "TOKEN=NEW\nB=2\n"},
	{name: "computed old value that looks right", style: env.Shell, in: "TOKEN=NEW$A\n", want: "TOKEN=NEW\n"},
	{name: "computed old value that reads like the new one", style: env.Shell, value: "a$b", in: "TOKEN=a$b\n", want: "TOKEN='a$b'\n"},
	{name: "tilde that reads like the new value", style: env.Shell, value: "~root", in: "TOKEN=~root\nexport A=~\n", want: "TOKEN='~root'\nexport A=~\n"},
	{name: "continued old value", style: env.Shell, in: "TOKEN=a\\\nTOKEN=b\nB=2\n", want: "TOKEN=NEW\nB=2\n"},
	{name: "already so, quoted", style: env.Shell, in: "TOKEN='NE'\"W\"\n", unchanged: true},
	{name: "already so, escaped", style: env.Shell, in: "export TOKEN=N\\E\\\nW\n", unchanged: true},
	{name: "inside another's quotes", style: env.Shell, in: "A='x\nTOKEN=a\n'\nB=\"y\nTOKEN=b\\\"\nTOKEN=c\"\n", want: "A='x\nTOKEN=a\n'\nB=\"y\nTOKEN=b\\\"\nTOKEN=c\"\nTOKEN=NEW\n"},
	{name: "inside another's substitution", style: env.Shell, in: "A=$(\nTOKEN=a\necho \")\" # )\n)\nB=`\nTOKEN=b\n`\n", want: "A=$(\nTOKEN=a\necho \")\" # )\n)\nB=`\nTOKEN=b\n`\nTOKEN=NEW\n"},
	{name: "inside a case within a substitution", style: env.Shell, in: "A=$(case $B in\na) TOKEN=x;;\n(b) echo;;\nesac)\n", want: "A=$(case $B in\na) TOKEN=x;;\n(b) echo;;\nesac)\nTOKEN=NEW\n"},
	{name: "braces", style: env.Shell, in: "A=${B:-\\}TOKEN=a}${C:-${D:-`echo \\`}\\``}}\"${E:-$F}\"$\nTOKEN=old\n", want: "A=${B:-\\}TOKEN=a}${C:-${D:-`echo \\`}\\``}}\"${E:-$F}\"$\nTOKEN=NEW\n"},
	{name: "a dollar at the end", style: env.Shell, in: "TOKEN=old\nA=$", want: "TOKEN=NEW\nA=$"},
	{name: "arithmetic", style: env.Shell, in: "A=$(( (1 + 2) * 3 ))\nTOKEN=old\n", want: "A=$(( (1 + 2) * 3 ))\nTOKEN=NEW\n"},
	{name: "another continues", style: env.Shell, in: "A=x\\\nTOKEN=a\n", want: "A=x\\\nTOKEN=a\nTOKEN=NEW\n"},
	{name: "the last line continues, newline", style: env.Shell, in: "A=x\\\n", want: "A=x\\\n\nTOKEN=NEW\n"},
	{name: "other commands", style: env.Shell, in: "umask 077\nset -a\n[ -n \"$A\" ] || A=1\nif [ -r ./f ]; then\n  B=2\nelse C=3\nfi >/dev/null 2>&1\nfor i in 1 2; do echo $i; done\nf() { D=4; }\nwhile false; do :; done\ncase $A in 1) B=1;; *) B=2;; esac\n(cd / && :)\n! false\nTOKEN=old\nset +a\n", want: "umask 077\nset -a\n[ -n \"$A\" ] || A=1\nif [ -r ./f ]; then\n  B=2\nelse C=3\nfi >/dev/null 2>&1\nfor i in 1 2; do echo $i; done\nf() { D=4; }\nwhile false; do :; done\ncase $A in 1) B=1;; *) B=2;; esac\n(cd / && :)\n! false\nTOKEN=NEW\nset +a\n"},
	{name: "redirected assignment", style: env.Shell, in: "TOKEN=old 2>/dev/null >&- # x\n", want: "TOKEN=NEW 2>/dev/null >&- # x\n"},
	{name: "blanks make it a command", style: env.Shell, in: "TOKEN = old\n", want: "TOKEN = old\nTOKEN=NEW\n"},
	{name: "CRLF: the CR would be part of the value", style: env.Shell, in: "A=1\r\nTOKEN=NEW\r\nB=2\r\n", want: "A=1\r\nTOKEN=NEW\nB=2\r\n"},
	{name: "value to be quoted", style: env.Shell, value: "a b'c\"d\\e$f`g`\nh\ti \xe9\x01", in: "export TOKEN=old # x\n", want: "export TOKEN='a b'\\''c\"d\\e$f`g`\nh\ti \xe9\x01' # x\n"},
	{name: "bash only", style: env.Shell, in: "function g { D=1; }\nL=(1 2\n 3)\nM+=x\nif [[ $A == b && ! -e c ]]; then :; fi\n: <<<\"x\"\nTOKEN=old\n", want: "function g { D=1; }\nL=(1 2\n 3)\nM+=x\nif [[ $A == b && ! -e c ]]; then :; fi\n: <<<\"x\"\nTOKEN=NEW\n"},
	{name: "raw bytes elsewhere", style: env.Shell, in: "# a\xe7\xe3o\nA='caf\xe9 \x81\x85'\nTOKEN='\xff'\n", want: "# a\xe7\xe3o\nA='caf\xe9 \x81\x85'\nTOKEN=NEW\n"},
	{name: "plain dollar quotes", style: env.Shell, in: "A=$'x\nTOKEN=a'\nTOKEN=old\n", want: "A=$'x\nTOKEN=a'\nTOKEN=NEW\n"},

	{name: "empty", style: env.Docker, in: "", want: "TOKEN=NEW\n"},
	{name: "plain", style: env.Docker, in: "A=1\nTOKEN=old\nB=2\n", want: "A=1\nTOKEN=NEW\nB=2\n"},
	{name: "absent, no final newline", style: env.Docker, in: "A=1", want: "A=1\nTOKEN=NEW\n"},
	{name: "CRLF", style: env.Docker, in: "A=1\r\nTOKEN=old\r\n", want: "A=1\r\nTOKEN=NEW\r\n"},
	{name: "absent, CRLF", style: env.Docker, in: "A=1\r\n", want: "A=1\r\nTOKEN=NEW\r\n"},
	{name: "indented", style: env.Docker, in: " \u00a0\tTOKEN=old\n", want: " \u00a0\tTOKEN=NEW\n"},
	{name: "blanks belong to the value", style: env.Docker, in: "TOKEN= NEW\n", want: "TOKEN=NEW\n"},
	{name: "quotes belong to the value", style: env.Docker, in: "TOKEN=\"NEW\"\nA='\nTOKEN='\n", want: "TOKEN=NEW\nA='\nTOKEN=NEW\n"},
	{name: "a backslash continues nothing", style: env.Docker, in: "A=\\\nTOKEN=old\n", want: "A=\\\nTOKEN=NEW\n"},
	{name: "name alone: from the environment", style: env.Docker, in: "TOKEN\nA\n", want: "TOKEN=NEW\nA\n"},
	{name: "comments stay", style: env.Docker, in: " #TOKEN=a\n;TOKEN=b\n", want: " #TOKEN=a\n;TOKEN=b\nTOKEN=NEW\n"},
	{name: "byte order mark", style: env.Docker, in: "\xef\xbb\xbfTOKEN=old\n", want: "\xef\xbb\xbfTOKEN=NEW\n"},
	{name: "already so", style: env.Docker, in: "TOKEN=NEW\r\n", unchanged: true},
	{name: "as it is", style: env.Docker, value: " a\"b'c\\d#e\tf\r\x01 ", in: "TOKEN=\n", want: "TOKEN= a\"b'c\\d#e\tf\r\x01 \n"},
}

func TestEdit(t *testing.T) {
	for _, c := range edits {
		t.Run(string(c.style)+"/"+c.name, func(t *testing.T) {
			value, want := "NEW", c.want
			if c.value != "" {
				value = c.value
			}
			if c.unchanged {
				want = c.in
			}
			in := []byte(c.in)
			got, err := env.Edit(in, c.style, []env.Pair{pair("TOKEN", value)})
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != want {
				t.Errorf("got\n%q\nwant\n%q", got, want)
			}
			if string(in) != c.in {
				t.Error("the input was written to")
			}
			again, err := env.Edit(got, c.style, []env.Pair{pair("TOKEN", value)})
			if err != nil || !bytes.Equal(again, got) {
				t.Errorf("a second run: %q, %v", again, err)
			}
		})
	}
}

func TestEditSeveral(t *testing.T) {
	pairs := []env.Pair{pair("B", "b b"), pair("TOKEN", "NEW"), pair("C", "c")}
	for style, want := range map[env.Style]string{
		env.Systemd: "A=1\nTOKEN=NEW\nC=c\nTOKEN=NEW\nB=\"b b\"\n",
		env.Shell:   "A=1\nTOKEN=NEW\nC=c\nTOKEN=NEW\nB='b b'\n",
		env.Docker:  "A=1\nTOKEN=NEW\nC=c\nTOKEN=NEW\nB=b b\n",
	} {
		got, err := env.Edit([]byte("A=1\nTOKEN=x\nC=y\nTOKEN=z"), style, pairs)
		if err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", style, got, err)
		}
	}
}

const canary = "canary-51c9"

// refusal is an edit that is refused in some styles.
type refusal struct {
	name           string
	styles         []env.Style
	in, key, value string
	says           string
}

func (c refusal) check(t *testing.T) {
	for _, style := range c.styles {
		t.Run(string(style)+"/"+c.name, func(t *testing.T) {
			key, value := "TOKEN", canary
			if c.key != "" {
				key = c.key
			}
			if c.value != "" {
				value = c.value
			}
			out, err := env.Edit([]byte(c.in), style, []env.Pair{pair(key, value)})
			if _, ok := errors.AsType[*env.Refusal](err); !ok {
				t.Fatalf("got %q, %v", out, err)
			}
			if !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), canary) {
				t.Errorf("says %q", err)
			}
		})
	}
}

func TestEditRefuses(t *testing.T) {
	all := []env.Style{env.Systemd, env.Shell, env.Docker}
	for _, c := range []refusal{
		{name: "zero byte in the file", styles: all, in: "A=1\nB=\x00\n", says: "line 2: the file contains a zero byte"},
		{name: "UTF-16", styles: all, in: "\xff\xfeA\x00", says: "UTF-16"},
		{name: "too large", styles: all, in: strings.Repeat("#", env.MaxSize+1), says: "larger than 8 MiB"},
		{name: "too large afterwards", styles: all, in: strings.Repeat("#", env.MaxSize), says: "larger than 8 MiB"},
		{name: "no name", styles: all, key: "1A", says: "no valid name"},
		{name: "name with =", styles: all, key: "A=B", says: "no valid name"},
		{name: "name with a blank", styles: all, key: "A B", says: "no valid name"},
		{name: "name with a letter that is not ASCII", styles: all, key: "É", says: "no valid name"},
		{name: "zero byte in the value", styles: []env.Style{env.Shell, env.Docker}, value: canary + "\x00", says: "zero byte"},
		{name: "zero byte in the value", styles: []env.Style{env.Systemd}, value: canary + "\x00", says: "control character"},
		{name: "control character", styles: []env.Style{env.Systemd}, value: canary + "\x1b", says: "control character"},
		{name: "next line", styles: []env.Style{env.Systemd}, value: canary + "\u0085", says: "control character"},
		{name: "delete character", styles: []env.Style{env.Systemd}, value: canary + "\x7f", says: "control character"},
		{name: "carriage return", styles: []env.Style{env.Systemd}, value: canary + "\rx", says: "control character"},
		{name: "invalid UTF-8", styles: []env.Style{env.Systemd, env.Docker}, value: canary + "\xe9", says: "no valid UTF-8"},
		{name: "surrogate", styles: []env.Style{env.Systemd, env.Docker}, value: canary + "\xed\xa0\x80", says: "no valid UTF-8"},
		{name: "noncharacter", styles: []env.Style{env.Systemd}, value: canary + "\U0001ffff", says: "sets aside"},
		{name: "noncharacter", styles: []env.Style{env.Systemd}, value: canary + "\ufdd0", says: "sets aside"},
		{name: "line break", styles: []env.Style{env.Docker}, value: canary + "\nx", says: "line break"},
		{name: "trailing carriage return", styles: []env.Style{env.Docker}, value: canary + "\r", says: "carriage return"},
		{name: "longer than the kernel allows", styles: []env.Style{env.Systemd}, value: strings.Repeat("x", 128<<10-len("TOKEN=")), says: "128 KiB"},
		{name: "longer than docker reads", styles: []env.Style{env.Docker}, value: strings.Repeat("x", 64<<10-1-len("TOKEN=")), says: "64 KiB"},
		{name: "unclosed double quote", styles: []env.Style{env.Systemd, env.Shell}, in: "A=1\nB=\"x\nTOKEN=a\n", says: "line 2: a quote is opened and never closed"},
		{name: "unclosed single quote", styles: []env.Style{env.Systemd, env.Shell}, in: "A='\nTOKEN=a\n", says: "line 1: a quote is opened and never closed"},
		{name: "unclosed after a backslash", styles: []env.Style{env.Systemd, env.Shell}, in: "A=\"\\", says: "line 1: "},
		{name: "readings that disagree about quotes", styles: []env.Style{env.Systemd}, in: "# in C:\\\nA='\nTOKEN=x\n'\n", says: "a comment ends with a backslash"},
		{name: "readings that disagree about an assignment", styles: []env.Style{env.Systemd}, in: "# \\\nA='\nTOKEN='x'\n'y'\n", says: "a comment ends with a backslash"},
		{name: "readings that overlap", styles: []env.Style{env.Systemd}, in: "# \\\nTOKEN=\"a\nTOKEN=b\n\"\n", says: "a comment ends with a backslash"},
		{name: "line too long for docker", styles: []env.Style{env.Docker}, in: strings.Repeat(" ", 70_000) + "TOKEN=old\n", says: "not understood"},
		{name: "here-document", styles: []env.Style{env.Shell}, in: "cat <<E\nTOKEN=a\nE\n", says: "line 1: here-documents"},
		{name: "unclosed substitution", styles: []env.Style{env.Shell}, in: "A=$(b\nTOKEN=a\n", says: "line 1: a $( is opened"},
		{name: "unclosed backtick", styles: []env.Style{env.Shell}, in: "A=`b\nTOKEN=a\n", says: "line 1: a backtick is opened"},
		{name: "unclosed brace", styles: []env.Style{env.Shell}, in: "A=${b\nTOKEN=a\n", says: "line 1: a ${ is opened"},
		{name: "unclosed if", styles: []env.Style{env.Shell}, in: "if a; then\nTOKEN=a\n", says: "never closed"},
		{name: "fi without if", styles: []env.Style{env.Shell}, in: "TOKEN=a\nfi\n", says: "line 2: the word fi closes nothing"},
		{name: "esac closes no if", styles: []env.Style{env.Shell}, in: "if a; then b; esac\n", says: "closes nothing"},
		{name: "parenthesis never opened", styles: []env.Style{env.Shell}, in: "TOKEN=a )\n", says: "never opened"},
		{name: "ends with a backslash", styles: []env.Style{env.Shell}, in: "A=b\\", says: "ends with a backslash"},
		{name: "quotes in braces", styles: []env.Style{env.Shell}, in: "A=\"${b#'}\nTOKEN=a\n'}\"\n", says: "disagree about quotes"},
		{name: "dollar quote with an escape", styles: []env.Style{env.Shell}, in: "A=$'\\'\nTOKEN=a\n'\n", says: "disagree about $'"},
		{name: "dollar bracket", styles: []env.Style{env.Shell}, in: "A=$[ 1 ]\n", says: "disagree about $["},
		{name: "process substitution", styles: []env.Style{env.Shell}, in: "a < <(b)\n", says: "process substitutions"},
		{name: "too deep", styles: []env.Style{env.Shell}, in: strings.Repeat("$(", 100_000), says: "too deep"},
		{name: "comment of an INI", styles: []env.Style{env.Shell}, in: "A=1\n; old\n", says: "line 2: no command stands before the ;"},
		{name: "comment of an INI", styles: []env.Style{env.Docker}, in: "A=1\n; old\n", says: "line 2: docker refuses"},
		{name: "no name before =", styles: []env.Style{env.Docker}, in: "\n =a\n", says: "line 2: docker refuses"},
		{name: "end of a case outside of one", styles: []env.Style{env.Shell}, in: "A=1 ;; B=2\n", says: "the ;; ends no case"},
		{name: "nothing before a pipe", styles: []env.Style{env.Shell}, in: "a &\n| b\n", says: "line 2: no command stands before the |"},
		{name: "nothing after and", styles: []env.Style{env.Shell}, in: "a && ; b\n", says: "no command stands before the ;"},
		{name: "redirection to nothing", styles: []env.Style{env.Shell}, in: "a >\nA=1\n", says: "line 1: a redirection names no file"},
		{name: "unfinished list", styles: []env.Style{env.Shell}, in: "a &&\n# b\n", says: "goes on behind the end"},
	} {
		c.check(t)
	}
}

// TestEditRefusesWhatAShellMayNotRun: it cannot be told whether the assignment takes
// effect, or something else may change the variable.
func TestEditRefusesWhatAShellMayNotRun(t *testing.T) {
	for _, c := range []refusal{
		{name: "inside if", styles: []env.Style{env.Shell}, in: "if a; then TOKEN=b; fi\n", says: "line 1: it cannot be told whether"},
		{name: "inside a subshell", styles: []env.Style{env.Shell}, in: "\n(TOKEN=b)\n", says: "line 2: it cannot be told whether"},
		{name: "inside braces", styles: []env.Style{env.Shell}, in: "f() { TOKEN=b; }\n", says: "cannot be told whether"},
		{name: "inside a case", styles: []env.Style{env.Shell}, in: "case $A in b) TOKEN=c;; esac\n", says: "cannot be told whether"},
		{name: "inside a loop", styles: []env.Style{env.Shell}, in: "while a\ndo TOKEN=b\ndone\n", says: "cannot be told whether"},
		{name: "after and", styles: []env.Style{env.Shell}, in: "a && TOKEN=b\n", says: "cannot be told whether"},
		{name: "after or on the next line", styles: []env.Style{env.Shell}, in: "a ||\n\n# c\nTOKEN=b\n", says: "cannot be told whether"},
		{name: "before and", styles: []env.Style{env.Shell}, in: "TOKEN=b && a &\n", says: "cannot be told whether"},
		{name: "in a pipe", styles: []env.Style{env.Shell}, in: "a |& TOKEN=b\n", says: "cannot be told whether"},
		{name: "into a pipe", styles: []env.Style{env.Shell}, in: "TOKEN=b | a\n", says: "cannot be told whether"},
		{name: "in the background", styles: []env.Style{env.Shell}, in: "TOKEN=b &\n", says: "cannot be told whether"},
		{name: "exported after and", styles: []env.Style{env.Shell}, in: "a && export TOKEN=b\n", says: "cannot be told whether"},
		{name: "for one command", styles: []env.Style{env.Shell}, in: "TOKEN=b a\n", says: "for one command only"},
		{name: "as an argument", styles: []env.Style{env.Shell}, in: "declare -x TOKEN=b\n", says: "a command is given"},
		{name: "to eval", styles: []env.Style{env.Shell}, in: "eval 'TOKEN=b'\n", says: "a command is given"},
		{name: "unset", styles: []env.Style{env.Shell}, in: "TOKEN=a\nunset A TOKEN\n", says: "line 2: a command may change"},
		{name: "read", styles: []env.Style{env.Shell}, in: "read -r TOKEN <f\n", says: "a command may change"},
		{name: "for variable", styles: []env.Style{env.Shell}, in: "for TOKEN in a; do :; done\n", says: "a command may change"},
		{name: "appended to", styles: []env.Style{env.Shell}, in: "TOKEN+=b\n", says: "no plain assignment"},
		{name: "element", styles: []env.Style{env.Shell}, in: "TOKEN[0]=b\n", says: "no plain assignment"},
		{name: "array", styles: []env.Style{env.Shell}, in: "TOKEN=(b)\n", says: "an array"},
		{name: "name computed", styles: []env.Style{env.Shell}, in: "export \"TOKEN=$A\"\n", says: "may be computed"},
		{name: "nothing runs behind it", styles: []env.Style{env.Shell}, in: "A=1\nreturn 0\n", says: "line 2: nothing behind"},
		{name: "nothing runs behind exec", styles: []env.Style{env.Shell}, in: "exec sh\n", says: "nothing behind"},
	} {
		c.check(t)
	}
}

// TestEditKnowsWhatMayStandBeforeASeparator: all that is a command for a shell.
func TestEditKnowsWhatMayStandBeforeASeparator(t *testing.T) {
	for _, in := range []string{
		"if a; then b; fi; c", "{ a; }; b", "(a); b", "(a) & b", "f() { a; }; f", ">f; a", "a 2>&1; b", "a >&-; b", "! a; b",
		"while a; do b; done & c", "case $1 in a|b) ;; c) d;; esac; e", "a | b |& c", "A=1; B=2 &", "A=$(b; c); d", "a &&\n\nb; c", "a;\n\n\nb",
	} {
		got, err := env.Edit([]byte(in+"\n"), env.Shell, []env.Pair{pair("TOKEN", "x")})
		if want := in + "\nTOKEN=x\n"; err != nil || string(got) != want {
			t.Errorf("%q: got %q, %v", in, got, err)
		}
	}
}

// TestEditDoubtsOnlyWhatItManages: the same doubts about other variables harm
// nobody.
func TestEditDoubtsOnlyWhatItManages(t *testing.T) {
	in := "if a; then A=b; fi\nB=c d\ndeclare C=d\nunset D\nE+=f\nF=(g)\na && G=h\n"
	got, err := env.Edit([]byte(in), env.Shell, []env.Pair{pair("TOKEN", "NEW")})
	if err != nil || string(got) != in+"TOKEN=NEW\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestEditRefusesAKeyTwice(t *testing.T) {
	_, err := env.Edit(nil, env.Systemd, []env.Pair{pair("A", "1"), pair("A", "2")})
	if err == nil || !strings.Contains(err.Error(), "configured twice") {
		t.Errorf("got %v", err)
	}
	_, err = env.Edit(nil, env.Docker, []env.Pair{pair("A", "")})
	if err == nil || !strings.Contains(err.Error(), "is empty") {
		t.Errorf("got %v", err)
	}
}

func TestEditKeepsSlice(t *testing.T) {
	in := []byte("TOKEN=NEW\n")
	out, err := env.Edit(in, env.Shell, []env.Pair{pair("TOKEN", "NEW")})
	if err != nil || &out[0] != &in[0] {
		t.Errorf("another slice, %v", err)
	}
}
