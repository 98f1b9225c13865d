package load

import (
	"context"
	"fmt"

	"github.com/vigented/vigente/internal/getent"
)

// OwnerOf returns the configured owner and group of a sink's file.
func (d *Loaded) OwnerOf(sink string) (owner, group string) {
	if s := d.sink[sink]; s != nil {
		return s.owner, s.group
	}
	return "", ""
}

// UnknownOwners reports the owners and groups that this machine does not know, one
// per line. They are not faults: the configuration may be meant for another machine.
func (d *Loaded) UnknownOwners() []string {
	users, groups := map[string]bool{}, map[string]bool{}
	var lines []string
	look := func(sink, key, what, name string, seen map[string]bool, find func(context.Context, string) (int, error)) {
		known, asked := seen[name] // ask once per name: each waits for a directory server that is down
		if !asked {
			known = name == ""
			if !known {
				_, err := find(context.Background(), name)
				known = err == nil
			}
			seen[name] = known
		}
		if !known {
			lines = append(lines, fmt.Sprintf("sinks.%s.%s: there is no %s %q on this machine (expected one that is there when the file is written: create it, or give its number)", sink, key, what, name))
		}
	}
	for _, s := range d.sinks {
		look(s.Name, "owner", "user", s.owner, users, getent.UserID)
		look(s.Name, "group", "group", s.group, groups, getent.GroupID)
	}
	return lines
}

// Count returns the numbers of providers, credentials and sinks.
func (d *Loaded) Count() (providers, credentials, sinks int) {
	providers, credentials, sinks = len(d.providers), len(d.credentials), len(d.sinks)
	for _, f := range d.fleets {
		credentials += len(f.rows)
		sinks += len(f.rows) * len(f.Sinks)
	}
	return providers, credentials, sinks
}
