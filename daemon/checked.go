package daemon

import (
	"fmt"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/daemon/transport"
	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/section"
)

// Checked is a configuration that can be used.
type Checked struct {
	Sources                       []string
	Providers, Credentials, Sinks int
	// Warnings are about what is allowed and may yet go wrong, one a line.
	Warnings []string
	// Missing is what the configuration refers to and cannot be used.
	Missing []section.Fault
}

// Loading returns what loads the configuration outside of a daemon. Outside of
// the unit systemd's credentials are out of reach, which may be no fault.
func (opt *Options) Loading(credentialsMissingOK bool) load.Options {
	l := opt.loadOptions(devices.New(), nil)
	l.Config.CredentialsMissingOK = credentialsMissingOK
	return l
}

// Lender returns what backends are reached with.
func (opt *Options) Lender() transport.Lender {
	return transport.Lender{Base: opt.Transport, Processes: opt.Processes}
}

// Check loads the configuration as New does, without opening the state, and
// returns it with what it amounts to. It returns a *ConfigError for what is
// wrong.
func Check(opt Options) (*Checked, error) {
	options := opt.Loading(true)
	options.CheckOnly = true
	loaded := load.New(options).Load()
	if len(loaded.Faults) > 0 {
		return nil, &ConfigError{Faults: loaded.All()}
	}
	defer loaded.Close()
	c := &Checked{Sources: loaded.Config.Sources, Missing: loaded.MissingFaults}
	c.Providers, c.Credentials, c.Sinks = loaded.Count()
	for _, w := range loaded.Dangers {
		c.Warnings = append(c.Warnings, fmt.Sprintf("provider %s: %s", w.Provider, w.Message))
	}
	for _, f := range loaded.Slips {
		c.Warnings = append(c.Warnings, f.Error())
	}
	c.Warnings = append(c.Warnings, loaded.UnknownOwners()...)
	for _, f := range loaded.Fleets {
		c.Warnings = append(c.Warnings, f.Bad...)
	}
	return c, nil
}

// CheckText checks a configuration that is not written yet, as if it stood at
// opt.ConfigPath, which is absolute. What it refers to is read by read.
func CheckText(opt Options, text string, read func(path string) ([]byte, error)) []section.Fault {
	loaded := load.New(opt.loadOptions(devices.New(), nil)).LoadAs(config.Options{
		Getenv: opt.Getenv, UID: opt.UID, ReadFile: read, Given: []config.Source{{Name: opt.ConfigPath, Text: []byte(text)}},
	})
	defer loaded.Close()
	return loaded.All()
}
