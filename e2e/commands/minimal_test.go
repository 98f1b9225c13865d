package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vigented/vigente/e2e/e2etest"
)

var (
	minimalBlock = regexp.MustCompile("(?s)Minimal[^\n]*:\n\n```toml\n(.*?)```")
	hostOfURL    = regexp.MustCompile(`"https?://[a-z0-9.:-]+`)
	fileOfKey    = regexp.MustCompile(`file = "([^"]+)"`)
)

// TestMinimalConfigurationsRun runs every minimal configuration in a provider's
// README against vigente emulate. Only addresses, secrets and certificates are
// replaced.
func TestMinimalConfigurationsRun(t *testing.T) {
	t.Parallel()
	readmes, err := filepath.Glob("../../providers/*/README.md")
	if err != nil || len(readmes) < 7 {
		t.Fatalf("got %d READMEs, %v", len(readmes), err)
	}
	for _, readme := range readmes {
		kind := filepath.Base(filepath.Dir(readme))
		t.Run(kind, func(t *testing.T) {
			text, err := os.ReadFile(readme)
			if err != nil {
				t.Fatal(err)
			}
			blocks := minimalBlock.FindAllSubmatch(text, -1)
			if len(blocks) == 0 {
				t.Fatal("the README has no minimal configuration")
			}
			for _, block := range blocks {
				runMinimal(t, kind, string(block[1]))
			}
		})
	}
}

func runMinimal(t *testing.T, kind, text string) {
	t.Helper()
	w := e2etest.NewWorld(t, "")
	named, args := kind, []string{kind}
	if kind == "integracontador" {
		named = "integra-contador"
		args = []string{named, "--certificates", w.Dir}
	}
	place := rehearse(t, w, args...)[named]
	text = hostOfURL.ReplaceAllString(text, `"`+place)
	for _, name := range fileOfKey.FindAllStringSubmatch(text, -1) {
		secret := "5f4dcc3b5aa765d61d8327deb882cf99"
		if strings.Contains(name[1], "key") {
			secret = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
		}
		if w.Read(name[1]) == "" {
			w.Write(name[1], secret+"\n")
		}
	}
	w.Write("config.toml", "[daemon]\nstate_dir = \""+w.Path("state")+"\"\nlisten = \"\"\n"+text)
	if code, out, errs := w.Run("run", "--once"); code != 0 {
		t.Errorf("run --once: got exit code %d, want 0, with\n%s\n%s%s", code, text, out, errs)
	}
}
