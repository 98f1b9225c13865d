// Package getent finds users, groups and hosts that only the system knows: those
// of sssd, winbind, LDAP or mDNS. The program is built without the C library, so
// that Go's own look-up reads local files and DNS and nothing else; whatever it
// does not find, the system's getent(1) is asked for.
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
	// patience bounds one question: a directory server may be away.
	patience = 2 * time.Second
	// maxAnswer is more than one user, group or host fills.
	maxAnswer = 64 << 10
	// notFound is getent's exit code for a name that no service knows.
	notFound = 2
)

// UserID returns the number of a user, which may be given as a number.
func UserID(ctx context.Context, name string) (int, error) {
	return id(ctx, "passwd", name, func() (string, error) {
		u, err := user.Lookup(name)
		if err != nil {
			return "", err
		}
		return u.Uid, nil
	})
}

// GroupID returns the number of a group, which may be given as a number.
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
			return 0, fmt.Errorf("%w%s", unknown, silence(err))
		}
		// NAME:PASSWORD:NUMBER, in both databases.
		fields := strings.Split(answer, ":")
		if len(fields) < 3 {
			return 0, unknown
		}
		text = fields[2]
	}
	n, err := strconv.ParseUint(text, 10, 31)
	return int(n), err
}

// silence says what kept getent from answering; that it does not know the name
// either, or is not installed, adds nothing.
func silence(err error) string {
	e, ok := errors.AsType[*process.Error](err)
	switch {
	case !ok, errors.Is(err, errUnknown), e.Kind == process.NotInPath, e.Kind == process.Stopped:
		return ""
	case e.Kind == process.Overdue:
		return fmt.Sprintf(", and getent had no answer within %s", patience)
	}
	return ", and asking getent: " + e.Error()
}

// Addresses returns the addresses of a host as the system's name service knows
// them, each once, in its order.
func Addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	answer, err := ask(ctx, "ahosts", host)
	if err != nil {
		return nil, fmt.Errorf("ask getent for the host: %w", err)
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
		return nil, fmt.Errorf("ask getent for the host: %w", errUnknown)
	}
	return list, nil
}

var errUnknown = errors.New("the name is not known")

// ask returns getent's answer to one question.
func ask(ctx context.Context, database, name string) (string, error) {
	if name == "" || strings.HasPrefix(name, "-") {
		return "", errUnknown
	}
	var runner *process.Runner
	res, err := runner.Run(ctx, process.Command{
		Args: []string{"getent", database, name}, Timeout: patience, MaxStdout: maxAnswer,
		// Where an installation keeps its modules of the name service elsewhere.
		Env: map[string]credential.Secret{"LD_LIBRARY_PATH": credential.NewSecret(os.Getenv("LD_LIBRARY_PATH"))},
	})
	if err != nil && res.Code == notFound {
		return "", errUnknown
	}
	return strings.TrimSpace(res.Stdout.Reveal()), err
}
