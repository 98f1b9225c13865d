package main

import (
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
)

// commentedKey is a line of the example that becomes a key, or a table that is
// used as a whole or not at all, without its #.
var commentedKey = regexp.MustCompile(`(?m)^#(\[[a-z]+(?:\.[a-z]+)*\]$|[a-z0-9_]+ *= )`)

// openExample loads the example, or what became of it, with the real kinds and
// a reader that has every secret and every certificate.
func openExample(t testing.TB, text string) (*config.Config, *plan.Plan, []section.Fault) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.example.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	rows := filepath.Join(filepath.Dir(path), "tills.csv")
	if err := os.WriteFile(rows, []byte("code,cnpj,uf\n1,12.345.678/0001-95,SP\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	pair := certificate(t)
	cfg, _ := config.Load(path, config.Options{
		Getenv: func(name string) string {
			return map[string]string{"HOME": "/home/u", "CREDENTIALS_DIRECTORY": "/run/credentials"}[name]
		},
		CheckWeb: func(string) error { return nil },
		ReadFile: func(path string) ([]byte, error) {
			switch filepath.Ext(path) {
			case ".p12", ".pem":
				return pair, nil
			}
			return []byte(strings.Repeat("k", 32)), nil
		},
	})
	kept := *cfg // opening lets go of the sections
	kept.Providers, kept.Fleets = slices.Clone(cfg.Providers), slices.Clone(cfg.Fleets)
	loader := load.New(load.Options{
		Providers: providerKinds(),
		Sinks:     sinkKinds(),
		Lend: func(_ string, location *time.Location) (providers.Env, func()) {
			return providers.Env{
				Transport: func(providers.TransportOptions) http.RoundTripper { return http.DefaultTransport },
				Location:  location,
			}, nil
		},
		Devices: devices.New(),
	})
	loaded := loader.Open(cfg)
	for _, f := range loaded.Fleets {
		if len(f.Bad) > 0 || f.Good != 1 {
			t.Errorf("fleet %s: got %d good rows and %q, want its one row", f.Name, f.Good, f.Bad)
		}
	}
	if faults := loaded.All(); len(faults) > 0 {
		return &kept, nil, faults
	}
	_ = loader.Change(loaded, []byte("key"))
	return &kept, loaded.Plan(), nil
}

func readExample(t testing.TB) string {
	t.Helper()
	data, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestExampleIsAConfiguration(t *testing.T) {
	_, specs, faults := openExample(t, readExample(t))
	for _, f := range faults {
		t.Error(f)
	}
	if specs == nil || len(specs.Providers) < 3 || len(specs.Credentials) < 3 || len(specs.Sinks) < 3 {
		t.Errorf("plan %+v", specs)
	}
}

// TestExampleHoldsEveryKey takes the # off every key: all are known, and no key
// that anybody asks for is missing. A key that all kinds ask for stands at one
// of them, any other at each kind that has it.
func TestExampleHoldsEveryKey(t *testing.T) {
	text := commentedKey.ReplaceAllString(readExample(t), "$1")
	cfg, _, faults := openExample(t, text)
	for _, f := range faults {
		t.Error(f)
	}
	byKind := map[string]map[string][]*section.Section{"providers": {}, "sinks": {}, "credentials": {}}
	providerTypes := map[string]string{}
	for _, p := range cfg.Providers {
		byKind["providers"][p.Type] = append(byKind["providers"][p.Type], p.Section)
		providerTypes[p.Name] = p.Type
	}
	for _, c := range cfg.Credentials {
		kind := providerTypes[c.Provider]
		byKind["credentials"][kind] = append(byKind["credentials"][kind], c.Section)
	}
	for _, s := range cfg.Sinks {
		byKind["sinks"][s.Type] = append(byKind["sinks"][s.Type], s.Section)
	}
	for _, kind := range providerKinds() {
		if len(byKind["providers"][kind.Name]) == 0 || len(byKind["credentials"][kind.Name]) == 0 {
			t.Errorf("there is no provider or no credential of type %s", kind.Name)
		}
	}
	for _, kind := range sinkKinds() {
		if len(byKind["sinks"][kind.Name]) == 0 {
			t.Errorf("there is no sink of type %s", kind.Name)
		}
	}
	for _, key := range missingSettings(text, settingKeys(cfg)) {
		t.Errorf("the key %s is not in the example", key)
	}
	for group, kinds := range byKind {
		everywhere := slices.Concat(slices.Collect(maps.Values(kinds))...)
		for kind, tables := range kinds {
			for _, key := range askedOf(tables) {
				where := tables
				if askedByAll(kinds, key) {
					where = everywhere
				}
				// The keys of pace stand in [renewal].
				if !slices.Contains(settingKeys(cfg), "renewal."+key) && !present(where, key) {
					t.Errorf("%s of type %s: the key %s is not in the example", group, kind, key)
				}
			}
		}
	}
}

func settingKeys(cfg *config.Config) (names []string) {
	for _, key := range cfg.Settings() {
		names = append(names, key.Name)
	}
	return names
}

// missingSettings returns those keys of the daemon's own tables ("log.level")
// that the text does not set.
func missingSettings(text string, keys []string) []string {
	tables := map[string]string{}
	table := ""
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "[") {
			table = strings.Trim(strings.TrimSpace(line), "[]")
		}
		tables[table] += line
	}
	var missing []string
	for _, path := range keys {
		table, key, _ := strings.Cut(path, ".")
		if i := strings.LastIndex(key, "."); i >= 0 { // in a table that is written on one line
			if !regexp.MustCompile(`(?m)^` + key[:strings.Index(key, ".")] + ` *= .*\b` + key[i+1:] + ` = `).MatchString(tables[table]) {
				missing = append(missing, path)
			}
			continue
		}
		if !regexp.MustCompile(`(?m)^` + key + ` *= `).MatchString(tables[table]) {
			missing = append(missing, path)
		}
	}
	return missing
}

func askedOf(tables []*section.Section) []string {
	var keys []string
	for _, s := range tables {
		keys = append(keys, s.Asked()...)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// askedByAll reports whether all kinds have a key, or the table it lies in; one
// of them may be another sort of thing, such as a command among the backends.
func askedByAll(kinds map[string][]*section.Section, key string) bool {
	key, _, _ = strings.Cut(key, ".")
	without := 0
	for _, tables := range kinds {
		if !slices.Contains(askedOf(tables), key) {
			without++
		}
	}
	return without <= 1 && len(kinds) > without+1
}

// present reports whether one of the tables holds a key, which may lie in a
// table below it.
func present(tables []*section.Section, key string) bool {
	return slices.ContainsFunc(tables, func(s *section.Section) bool {
		path := strings.Split(key, ".")
		for _, name := range path[:len(path)-1] {
			if isRows(s, name) {
				return present(s.Rows(name), path[len(path)-1])
			}
			if s = s.Table(name); s == nil {
				return false
			}
		}
		return s.Has(path[len(path)-1])
	})
}

// isRows reports whether a key was read as an array of tables.
func isRows(s *section.Section, key string) bool {
	return slices.ContainsFunc(s.Described(), func(k section.Key) bool { return k.Name == key && k.Form == section.FormRows })
}
