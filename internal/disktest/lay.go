package disktest

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Lay writes the state into a folder.
func (c Crash) Lay(t testing.TB, folder string) {
	t.Helper()
	dirs := slices.Sorted(slices.Values(c.Dirs))
	for _, dir := range dirs {
		if err := os.MkdirAll(filepath.Join(folder, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for name, data := range c.Files {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// Below returns the part of the state below one folder as a separate state.
func (c Crash) Below(folder string) Crash {
	out := Crash{After: c.After, Why: c.Why, Files: map[string]string{}}
	for name, data := range c.Files {
		if rest, ok := strings.CutPrefix(name, folder); ok {
			out.Files[rest] = data
		}
	}
	for _, name := range c.Dirs {
		if rest, ok := strings.CutPrefix(name, folder); ok && rest != "" {
			out.Dirs = append(out.Dirs, rest)
		}
	}
	return out
}
