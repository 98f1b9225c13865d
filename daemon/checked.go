package daemon

import (
	"errors"
	"fmt"
	"os/user"
	"strconv"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/internal/section"
)

// Checked is a configuration that can be used.
type Checked struct {
	Config *config.Config
	Plan   *plan.Plan
	// Warnings are about what is allowed and may yet go wrong, one a line.
	Warnings []string
}

// Check loads the configuration as New does, without opening the state, and
// returns it with what it amounts to.
func Check(opt Options) (*Checked, error) {
	d := &Daemon{opt: opt, log: zap.NewNop()}
	cfg, specs, w, err := d.loadWith(config.Options{Getenv: opt.Getenv, UID: opt.UID, CredentialsMissingOK: true})
	if err != nil {
		return nil, err
	}
	defer w.close()
	c := &Checked{Config: cfg, Plan: specs}
	for _, line := range w.warnings() {
		c.Warnings = append(c.Warnings, fmt.Sprintf("provider %s: %s", line.provider, line.message))
	}
	for _, s := range cfg.Sinks {
		for _, f := range ownersUnknown(s.Section) {
			c.Warnings = append(c.Warnings, f.Error())
		}
	}
	return c, nil
}

// CheckText checks a configuration that is not written yet, as if it stood at
// opt.ConfigPath, which is absolute. What it refers to is read by read.
func CheckText(opt Options, text string, read func(path string) ([]byte, error)) []section.Fault {
	d := &Daemon{opt: opt, log: zap.NewNop()}
	_, _, w, err := d.loadWith(config.Options{
		Getenv: opt.Getenv, UID: opt.UID, ReadFile: read, Given: []config.Source{{Name: opt.ConfigPath, Text: []byte(text)}},
	})
	if broken, ok := errors.AsType[*ConfigError](err); ok {
		return broken.Faults
	}
	w.close()
	return nil
}

// ownersUnknown reports an owner and a group that this machine does not know.
// The file may be meant for another machine, so it is no fault.
func ownersUnknown(s *section.Section) []section.Fault {
	var faults []section.Fault
	look := func(key, what string, find func(string) error) {
		name := s.Text(key, "")
		if _, err := strconv.ParseUint(name, 10, 31); name == "" || err == nil || find(name) == nil {
			return
		}
		faults = append(faults, s.FaultAt(key, "there is no %s %q on this machine (expected one that is there when the file is written: create it, or give its number)", what, name))
	}
	look("owner", "user", func(name string) error { _, err := user.Lookup(name); return err })
	look("group", "group", func(name string) error { _, err := user.LookupGroup(name); return err })
	return faults
}
