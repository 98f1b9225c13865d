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
	// Warnings are about settings that are allowed but may cause trouble, one per line.
	Warnings []string
	// Missing lists what the configuration refers to but cannot be used.
	Missing []section.Fault
}

// Loading returns the options for loading the configuration outside a daemon. There
// systemd's credentials cannot be read, which credentialsMissingOK tolerates.
func (opt *Options) Loading(credentialsMissingOK bool) load.Options {
	l := opt.loadOptions(devices.New(), nil)
	l.Config.CredentialsMissingOK = credentialsMissingOK
	return l
}

// Lender returns the lender that gives providers their network access.
func (opt *Options) Lender() transport.Lender {
	return transport.Lender{Base: opt.Transport, Processes: opt.Processes}
}

// Check loads the configuration like New, but without opening the state. It returns
// a *ConfigError if the configuration cannot be used.
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

// CheckText checks the text of a configuration as if it were the file at
// opt.ConfigPath, which must be absolute. It reads other files with read.
func CheckText(opt Options, text string, read func(path string) ([]byte, error)) []section.Fault {
	loaded := load.New(opt.loadOptions(devices.New(), nil)).LoadAs(config.Options{
		Getenv: opt.Getenv, UID: opt.UID, ReadFile: read, Given: []config.Source{{Name: opt.ConfigPath, Text: []byte(text)}},
	})
	defer loaded.Close()
	return loaded.All()
}
