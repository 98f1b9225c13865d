package commands

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	"github.com/vigented/vigente/internal/needs"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

// shellScripts complete "vigente WORDS… " in a real shell and print the
// candidates, one per line. SCRIPT is the output of vigente completion, WORDS
// the command line.
var shellScripts = map[string]string{
	// The only function of bash-completion that the script needs.
	"bash": `_get_comp_words_by_ref() {
  words=("${COMP_WORDS[@]}"); cword=$COMP_CWORD; cur=${words[cword]}; prev=${words[cword - 1]}
}
. "$SCRIPT"
COMP_LINE="$WORDS"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9
read -ra COMP_WORDS <<<"$COMP_LINE"; COMP_WORDS+=(""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; }
__start_vigente 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"`,
	"fish": `source "$SCRIPT"
complete -C "$WORDS"`,
	// The widgets of zsh need a terminal, so the candidates are captured where
	// the script passes them on.
	"zsh": `compdef() { :; }
source "$SCRIPT"
_describe() { local -a list; list=("${(@P)${@[-1]}}"); print -l -- $list }
_arguments() { :; }
words=(${(z)WORDS} ""); CURRENT=${#words}
_vigente`,
}

// TestCompletionInRealShells completes names of credentials and sinks.
func TestCompletionInRealShells(t *testing.T) {
	t.Parallel()
	w := e2etest.Furnish(t, tss.New(tss.Options{}), e2etest.NewVault(time.Hour), "")
	program, err := e2etest.Binary()
	if err != nil {
		t.Fatal(err)
	}
	for shell, script := range shellScripts {
		t.Run(shell, func(t *testing.T) {
			path := needs.Tool(t, shell)
			code, text, errs := w.Run("completion", shell)
			if code != 0 || errs != "" {
				t.Fatalf("completion: got exit code %d, want 0: %s", code, errs)
			}
			w.Write("completion."+shell, text)
			for words, want := range map[string][]string{
				"renew ":       {"loja", "vault"},
				"show loja ":   nil,
				"status ":      {"loja", "vault", "till", "env", "file"},
				"init --sink ": {"file", "ini", "env", "none"},
			} {
				cmd := exec.Command(path, "-c", script)
				cmd.Env = []string{
					"PATH=" + filepath.Dir(program) + ":" + os.Getenv("PATH"), "HOME=" + w.Dir, "VIGENTE_CONFIG=" + w.Path("config.toml"),
					"SCRIPT=" + w.Path("completion."+shell), "WORDS=vigente " + words, "TERM=dumb",
				}
				var complaint bytes.Buffer
				cmd.Stderr = &complaint
				out, err := cmd.Output()
				if err != nil {
					t.Fatalf("%s: %v\n%s", words, err, complaint.String())
				}
				var got []string
				for line := range strings.Lines(string(out)) {
					if name, _, _ := strings.Cut(strings.TrimSpace(line), "\t"); name != "" {
						name, _, _ = strings.Cut(name, ":")
						name, _, _ = strings.Cut(name, " ")
						got = append(got, name)
					}
				}
				for _, name := range want {
					if !strings.Contains(" "+strings.Join(got, " ")+" ", " "+name+" ") {
						t.Errorf("%s: got %q, want %s among them (%s)", words, got, name, complaint.String())
					}
				}
				if want != nil && len(got) != len(want) {
					t.Errorf("%s: got %q, want %q", words, got, want)
				}
			}
		})
	}
}

// TestManualPages formats every page with man and mandoc.
func TestManualPages(t *testing.T) {
	t.Parallel()
	w := e2etest.NewWorld(t, "")
	if code, _, errs := w.Run("man", w.Path("man1")); code != 0 {
		t.Fatalf("man: got exit code %d, want 0: %s", code, errs)
	}
	pages, err := filepath.Glob(w.Path("man1/*.1"))
	if err != nil || len(pages) < 17 {
		t.Fatalf("got %d pages, %v", len(pages), err)
	}
	t.Run("man", func(t *testing.T) {
		man := needs.Tool(t, "man")
		for _, name := range []string{"vigente", "vigente-init", "vigente-simulate"} { // a few: man is slow
			page := w.Path("man1/" + name + ".1")
			cmd := exec.Command(man, "--warnings", "-l", page)
			cmd.Env = append(os.Environ(), "MANWIDTH=100", "LC_ALL=C.UTF-8", "MANPAGER=cat")
			var complaint bytes.Buffer
			cmd.Stderr = &complaint
			out, err := cmd.Output()
			if err != nil || complaint.Len() > 0 || !strings.Contains(string(out), "EXAMPLE") && !strings.Contains(page, "completion") && filepath.Base(page) != "vigente.1" {
				t.Errorf("%s: %v %s", filepath.Base(page), err, complaint.String())
			}
		}
	})
	t.Run("mandoc", func(t *testing.T) {
		mandoc := needs.Tool(t, "mandoc")
		for _, page := range pages {
			if out, err := exec.Command(mandoc, "-T", "lint", "-W", "error", page).CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", filepath.Base(page), err, out)
			}
		}
	})
}
