package config

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/section"
)

// seeds returns the test cases of the daemon and the example.
func seeds(t testing.TB) [][]byte {
	t.Helper()
	files, err := filepath.Glob("../load/testdata/*/*.toml")
	if err != nil || len(files) < 40 {
		t.Fatalf("got %d seeds, %v", len(files), err)
	}
	if example := "../../config.example.toml"; fileExists(example) {
		files = append(files, example)
	}
	var all [][]byte
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// FuzzLoad: no text causes a panic, every fault is one line with a valid line
// number, and the same text gives the same faults.
func FuzzLoad(f *testing.F) {
	for _, data := range seeds(f) {
		f.Add(data)
	}
	opt := Options{
		Getenv: func(name string) string {
			return map[string]string{"HOME": "/home/u", "SECRET": "hunter2-canary"}[name]
		},
		UID: 1000,
		ReadFile: func(path string) ([]byte, error) {
			if strings.Contains(path, "gone") {
				return nil, fs.ErrNotExist
			}
			return []byte("hunter2-canary\n"), nil
		},
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, data []byte) {
		// A pattern may match files anywhere on the machine; other tests cover
		// that.
		if bytes.Contains(data, []byte("include")) {
			data = bytes.ReplaceAll(data, []byte("include"), []byte("inclUde"))
		}
		path := filepath.Join(dir, "c.toml")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		first := examine(t, path, opt, bytes.Count(data, []byte("\n"))+1)
		if second := examine(t, path, opt, 1<<30); !slices.Equal(first, second) {
			t.Errorf("got faults %v, then %v", first, second)
		}
	})
}

// examine loads a file, reads every section with every getter, and returns all
// faults.
func examine(t *testing.T, path string, opt Options, lines int) []section.Fault {
	c, faults := Load(path, opt)
	digest := ""
	for _, s := range sections(c) {
		readAll(s, 0)
		faults = append(faults, s.Finish()...)
		digest += s.Digest([]byte("key"))
	}
	faults = c.Sorted(faults)
	for _, f := range faults {
		switch text := f.Error(); {
		case f.Line < 1 || f.Line > lines:
			t.Errorf("got line %d of %d: %s", f.Line, lines, text)
		case strings.ContainsAny(text, "\n\r") || f.Key == "" || f.Message == "" || f.File != path:
			t.Errorf("malformed fault %q", text)
		case strings.Contains(text, "canary") && !bytes.Contains(mustRead(t, path), []byte("canary")):
			t.Errorf("%q contains a secret", text)
		}
	}
	return append(faults, section.Fault{Message: digest + c.Hash + fmt.Sprint(len(c.Files()))})
}

func mustRead(t *testing.T, path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func sections(c *Config) []*section.Section {
	var all []*section.Section
	for _, p := range c.Providers {
		all = append(all, p.Section)
	}
	for _, v := range c.Credentials {
		all = append(all, v.Section)
	}
	for _, s := range c.Sinks {
		all = append(all, s.Section)
	}
	return all
}

// readAll reads the keys of a section, each with getters chosen by its
// position, so that every getter meets every type.
func readAll(s *section.Section, depth int) {
	for i, key := range s.Keys() {
		switch (i + depth) % 12 {
		case 0:
			s.Text(key, "x")
		case 1:
			s.Required(key)
		case 2:
			s.Bool(key, true)
		case 3:
			s.Int(key, 1)
		case 4:
			s.Duration(key, 1)
		case 5:
			s.Choice(key, "a", "a", "b")
		case 6:
			s.Mode(key, 0o600)
		case 7:
			s.Texts(key)
			s.Secrets(key)
		case 8:
			s.TextMap(key)
		case 9:
			s.RequiredSecret(key)
		case 10:
			s.TextOrSecret(key)
		default:
			s.File(key)
		}
		s.Faultf(key, "seen")
		s.Faultf("a."+key, "seen")
		s.Faultf(key+".b.c", "seen")
		if sub := s.Table(key); sub != nil && depth < 5 {
			readAll(sub, depth+1)
		}
	}
}
