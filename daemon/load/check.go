package load

import (
	"fmt"
	"slices"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/internal/section"
)

// Checked is a configuration that can be used.
type Checked struct {
	Sources                       []string
	Providers, Credentials, Sinks int
	// Warnings are about settings that are allowed but may cause trouble, one per line.
	Warnings []string
	// Missing lists what the configuration refers to but cannot be used.
	Missing []section.Fault
}

// Check loads a configuration only to judge it. It returns a *ConfigError if the
// configuration cannot be used.
func Check(opt Options) (*Checked, error) {
	opt.CheckOnly = true
	loaded := New(opt).Load()
	if len(loaded.Faults) > 0 {
		return nil, &ConfigError{Faults: loaded.All()}
	}
	defer loaded.Close()
	c := &Checked{Sources: loaded.Config.Sources, Missing: loaded.MissingFaults}
	c.Providers, c.Credentials, c.Sinks = loaded.Count()
	for _, w := range loaded.Dangers {
		c.Warnings = append(c.Warnings, fmt.Sprintf("provider %s: %s", w.Provider, w.Message))
	}
	for _, f := range slices.Concat(loaded.Slips, loaded.Config.Ending) {
		c.Warnings = append(c.Warnings, f.Error())
	}
	c.Warnings = append(c.Warnings, loaded.UnknownOwners()...)
	for _, f := range loaded.Fleets {
		c.Warnings = append(c.Warnings, f.Bad...)
	}
	return c, nil
}

// CheckText checks the text of a configuration as if it were the file at opt.Path,
// which must be absolute. It reads other files with read.
func CheckText(opt Options, text string, read func(path string) ([]byte, error)) []section.Fault {
	opt.Config.ReadFile, opt.Config.Given = read, []config.Source{{Name: opt.Path, Text: []byte(text)}}
	loaded := New(opt).LoadAs(opt.Config)
	defer loaded.Close()
	return loaded.All()
}
