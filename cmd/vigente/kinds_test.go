package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
)

func TestCatalogue(t *testing.T) {
	var names []string
	for _, k := range sinkKinds() {
		names = append(names, k.Name)
		if k.Open == nil {
			t.Errorf("%s cannot be opened", k.Name)
		}
	}
	if want := []string{"env", "file", "ini"}; !slices.Equal(names, want) {
		t.Errorf("the catalogue is %q", names)
	}
}

// TestReadmes opens the sinks that each kind's README shows: a minimal one and
// one with every key.
func TestReadmes(t *testing.T) {
	for _, kind := range sinkKinds() {
		t.Run(kind.Name, func(t *testing.T) {
			readme, err := os.ReadFile(filepath.Join("../../sinks", kind.Name, "README.md"))
			if err != nil {
				t.Fatal(err)
			}
			blocks := strings.Split(string(readme), "```toml\n")[1:]
			if len(blocks) != 2 {
				t.Fatalf("%d blocks of configuration", len(blocks))
			}
			least, all := keysOf(t, kind, blocks[0]), keysOf(t, kind, blocks[1])
			if len(least) == 0 || len(all) <= len(least) {
				t.Errorf("the least has %q, the other one %q", least, all)
			}
			for _, key := range askedBy(t, kind) {
				if !slices.Contains(all, key) {
					t.Errorf("the full block lacks %s", key)
				}
				if !strings.Contains(string(readme), "`"+key+"`") {
					t.Errorf("the README does not speak of %s", key)
				}
			}
		})
	}
}

// keysOf opens the one sink of a block and returns its keys.
func keysOf(t *testing.T, kind sinks.Kind, block string) []string {
	t.Helper()
	text, _, _ := strings.Cut(block, "```")
	doc, faults := section.ParseFile("README.md", []byte(text), section.NewReader(section.ReaderOptions{}))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	objects := doc.Objects("sinks")
	if len(objects) != 1 {
		t.Fatalf("%d sinks in a block", len(objects))
	}
	s := objects[0]
	if got := s.Daemon().Text("type", ""); got != kind.Name {
		t.Errorf("the type is %q", got)
	}
	b := kind.Open(s, sinks.Env{})
	for _, f := range s.Finish() {
		t.Error(f)
	}
	if b.Sink == nil || len(b.Refs) == 0 {
		t.Errorf("the block gives %+v", b)
	}
	return s.Keys()
}

// askedBy returns every key that a kind knows.
func askedBy(t *testing.T, kind sinks.Kind) []string {
	t.Helper()
	s, err := section.Parse("sinks.x", "on_change = { }")
	if err != nil {
		t.Fatal(err)
	}
	kind.Open(s, sinks.Env{})
	return slices.DeleteFunc(s.Asked(), func(key string) bool { return strings.Contains(key, ".") })
}

func TestEveryKindsBudgetCanBeRead(t *testing.T) {
	for _, kind := range providerKinds() {
		if _, err := schedule.ParseRates(kind.Rate); err != nil {
			t.Errorf("%s: %v", kind.Name, err)
		}
	}
}
