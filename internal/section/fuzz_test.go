package section

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/pelletier/go-toml/v2"
)

// FuzzDocument: the tree and the library's decoder must accept the same texts, and every
// fault must have a line of the text.
func FuzzDocument(f *testing.F) {
	files, err := filepath.Glob("../../daemon/load/testdata/*/*.toml")
	if err != nil || len(files) < 40 {
		f.Fatalf("%d seeds, %v", len(files), err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, text := range []string{
		"a.b.c = 1\na.b.d = 2\n[a.b]\n", "[a]\nb.c = 1\n[a.b.d]\n", "[a.b.c]\n[a]\nb.x = 1\n", "a = [{b = 1}]\n[[a]]\n", "a = []\n[[a]]\n",
		"[[a]]\nb = 1\n[[a.c]]\n[a.d]\n[[a]]\n[a.d]\n[a.d]\n", "[a]\n[[a]]\n", "[[a]]\n[a]\n", "[a]\nb = 1\n[a.b]\n", "a = {b.c = 1, b.d = 2}\n", "a = {b = {c = 1}, b.d = 2}\n",
		"a = 0x7fffffffffffffff\nb = 0x8000000000000000\n", "a = -9223372036854775808\n", "a = 1e400\n", "a = inf\nb = -nan\n", "a = 1_000.5_0e1_0\n", "a = +0\n", "a = 0b1_1\n", "a = 0o17\n",
		"a = 2024-02-30\n", "a = 24:00:00\n", "a = 2024-01-01T10:00:60Z\n", "a = 2024-01-01 10:00:00.123456789+99:99\n", "a = 10:00\n", "a = [2024-13-01, 1e999, {b = 99999999999999999999}]\n",
		"\"\" = 1\n'' = 2\n", "a = \"\\uD800\"\n", "a = \"\"\"\\\n  x\"\"\"\n", "[a]]\n", "[ a . b ]\n", "a = {}\na.b = 1\n", "\xef\xbb\xbfa = 1\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		root, faults := parseDocument("c.toml", data)
		for _, fault := range faults {
			if fault.Line < 1 || fault.Line > bytes.Count(data, []byte("\n"))+1 || fault.Key == "" {
				t.Errorf("fault %v", fault)
			}
		}
		if root == nil && len(faults) == 0 {
			t.Error("got no tree and no fault")
		}
		text, _, problem := decodeText(data)
		if problem != "" {
			return
		}
		var whole map[string]any
		if err := toml.Unmarshal(text, &whole); (err != nil) != (len(faults) > 0) {
			t.Errorf("the decoder returned %v, parseDocument %v", err, faults)
		}
	})
}
