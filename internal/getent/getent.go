// Package getent looks up users, groups and hosts that only the system's name
// service knows, such as those from sssd, winbind, LDAP or mDNS. The binary is
// built without cgo, so Go's own lookup reads only local files and DNS. Names
// it does not find are looked up with getent(1).
package getent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/user"
	"strconv"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/process"
)

const (
	// timeout bounds one lookup: the directory server may be down.
	timeout = 2 * time.Second
	// maxAnswer is more than any user, group or host entry needs.
	maxAnswer = 64 << 10
	// notFound is getent's exit code for an unknown name.
	notFound = 2
)

// UserID returns the numeric ID of a user given by name or by number.
func UserID(ctx context.Context, name string) (int, error) {
	return id(ctx, "passwd", name, func() (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
}

// GroupID returns the numeric ID of a group given by name or by number.
func GroupID(ctx context.Context, name string) (int, error) {
	return id(ctx, "group", name, func() (string, error) {
		g, err := user.LookupGroup(name)
		if err != nil {
			return "", err
		}
		return g.Gid, nil
	})
}

func id(ctx context.Context, database, name string, find func() (string, error)) (int, error) {
	if n, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(n), nil
	}
	text, unknown := find()
	if unknown != nil {
		answer, err := ask(ctx, database, name)
		if err != nil {
			return 0, fmt.Errorf("%w%s", unknown, whyNoAnswer(err))
		}
		// Both databases use NAME:PASSWORD:ID.
		fields := strings.Split(answer, ":")
		if len(fields) < 3 {
			return 0, unknown
		}
		text = fields[2]
	}
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err
}

// whyNoAnswer explains why getent gave no answer. It returns "" if getent does not
// know the name either or is not installed, because that adds nothing.
func whyNoAnswer(err error) string {
	e, ok := errors.AsType[*process.Error](err)
	switch {
	case !ok, errors.Is(err, errUnknown), e.Kind == process.NotInPath, e.Kind == process.Stopped:
		return ""
	case e.Kind == process.Overdue:
		return fmt.Sprintf(", and getent had no answer within %s", timeout)
	}
	return ", and asking getent: " + e.Error()
}

// Addresses returns the addresses the system's name service has for a host,
// without duplicates, in its order.
func Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	answer, err := ask(ctx, "ahosts", host)
	if err != nil {
		return nil, fmt.Errorf("look up the host with getent: %w", err)
	}
	var list []netip.Addr
	seen := map[netip.Addr]bool{}
	for line := range strings.Lines(answer) {
		first, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		addr, err := netip.ParseAddr(first)
		if err == nil && !seen[addr] {
			seen[addr] = true
			list = append(list, addr)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("look up the host with getent: %w", errUnknown)
	}
	return list, nil
}

var errUnknown = errors.New("unknown name")

// ask runs getent for one name.
func ask(ctx context.Context, database, name string) (string, error) {
	if name == "" || strings.HasPrefix(name, "-") {
		return "", errUnknown
	}
	var runner *process.Runner
	res, err := runner.Run(ctx, process.Command{
		Args: []string{"getent", database, name}, Timeout: timeout, MaxStdout: maxAnswer,
		// Some installations keep their NSS modules in a directory of their own.
		Env: map[string]credential.Secret{"LD_LIBRARY_PATH": credential.NewSecret(os.Getenv("LD_LIBRARY_PATH"))},
	})
	if err != nil && res.Code == notFound {
		return "", errUnknown
	}
	return strings.TrimSpace(res.Stdout.Reveal()), err
}
