package daemon

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/internal/getent"
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
	known := ownerNames{} // a directory server that is away is waited for once a name
	for _, s := range cfg.Sinks {
		for _, f := range known.ownersUnknown(s.Section) {
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

// ownerNames remembers which users and groups this machine knows.
type ownerNames map[[2]string]bool

// ownersUnknown reports an owner and a group that this machine does not know.
// The file may be meant for another machine, so it is no fault.
func (n ownerNames) ownersUnknown(s *section.Section) []section.Fault {
	var faults []section.Fault
	look := func(key, what string, find func(context.Context, string) (int, error)) {
		name := s.Text(key, "")
		if name == "" {
			return
		}
		known, asked := n[[2]string{what, name}]
		if !asked {
			_, err := find(context.Background(), name)
			known = err == nil
			n[[2]string{what, name}] = known
		}
		if !known {
			faults = append(faults, s.FaultAt(key, "there is no %s %q on this machine (expected one that is there when the file is written: create it, or give its number)", what, name))
		}
	}
	look("owner", "user", getent.UserID)
	look("group", "group", getent.GroupID)
	return faults
}
