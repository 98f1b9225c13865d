package oauth2

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/vigented/vigente/internal/section"
)

// Preset is what services of one name have in common: keys of a provider and of
// its credentials, with their source.
type Preset struct {
	Name, Title string
	// Source is the service's page about the keys, Date the day it was looked up.
	Source, Date string
	// SourceRead means the keys were read on that page. Otherwise it could not be
	// opened, and the keys are those of public integrations, unverified.
	SourceRead bool
	// Notes say what users must know, in English first, then in Portuguese.
	Notes [2]string
	// Needs names the keys that the preset leaves to the configuration.
	Needs []string
	// Login means a person has to log in once.
	Login bool
	// Life is the lifetime of an access token as far as known; only rehearsals use
	// it.
	Life time.Duration

	file *section.Section
	// unknown means the configuration names a preset that does not exist, so keys
	// that are missing are not reported.
	unknown bool
}

//go:embed presets/*.toml
var presetFiles embed.FS

// Presets returns every preset, sorted by name.
func Presets() ([]Preset, error) {
	entries, err := fs.ReadDir(presetFiles, "presets")
	if err != nil {
		return nil, fmt.Errorf("list the presets: %w", err)
	}
	list := make([]Preset, 0, len(entries))
	for _, e := range entries {
		p, err := readPreset(strings.TrimSuffix(e.Name(), ".toml"))
		if err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, nil
}

func readPreset(name string) (Preset, error) {
	file := "presets/" + name + ".toml"
	data, err := fs.ReadFile(presetFiles, file)
	if err != nil {
		return Preset{}, fmt.Errorf("read the preset %s: %w", name, err)
	}
	s, faults := section.ParseFile(file, data, section.NewReader(section.ReaderOptions{}))
	if len(faults) > 0 {
		return Preset{}, fmt.Errorf("read the preset %s: %w", name, faults[0])
	}
	return Preset{
		Name: name, Title: s.Text("title", ""), Source: s.Text("source", ""), Date: s.Text("date", ""), SourceRead: s.Bool("source_read", false),
		Notes: [2]string{s.Text("note", ""), s.Text("note_pt", "")}, Needs: s.Texts("needs"),
		Login: s.Bool("login", false), Life: s.Duration("life", defaultLife), file: s,
	}, nil
}

// presetNames lists every preset, for a fault.
func presetNames() []string {
	list, _ := Presets()
	names := make([]string, len(list))
	for i, p := range list {
		names[i] = p.Name
	}
	return names
}

// Keys returns the lines of a table ("provider", "credential") as in a
// configuration.
func (p Preset) Keys(table string) []string {
	data, err := fs.ReadFile(presetFiles, "presets/"+p.Name+".toml")
	if err != nil {
		return nil
	}
	_, body, _ := strings.Cut(string(data), "\n["+table+"]\n")
	body, _, _ = strings.Cut(body, "\n[")
	return strings.Split(strings.TrimSpace(body), "\n")
}

// findPreset returns the preset that a section names, or one without keys.
func findPreset(s *section.Section) Preset {
	name := s.Text("preset", "")
	if name == "" {
		return Preset{Life: defaultLife, file: section.Empty("presets", "preset", section.NewReader(section.ReaderOptions{}))}
	}
	p, err := readPreset(name)
	if err != nil || strings.ContainsAny(name, "/.") {
		s.Faultf("preset", "%q is not known (expected one of %s)", name, strings.Join(presetNames(), ", "))
		s = section.Empty("presets", "preset", section.NewReader(section.ReaderOptions{}))
		return Preset{Life: defaultLife, file: s, unknown: true}
	}
	return p
}

// table returns one table of the preset's keys, empty if it has none.
func (p Preset) table(name string) *section.Section {
	if t := p.file.Object(name); t != nil {
		return t
	}
	return section.Empty("presets", name, section.NewReader(section.ReaderOptions{}))
}

// movedAway reports whether tokens come from another host than the preset's, in
// which case its other URLs do not apply.
func movedAway(own, preset *section.Section) bool {
	theirs, mine := preset.Text("token_url", ""), own.Text("token_url", "")
	return theirs != "" && mine != "" && !sameHost(theirs, mine)
}
