package load

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync/atomic"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/disk"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/sinks"
)

// guard watches the target of one sink for drift.
type guard struct {
	kind    sinks.Inspector
	enforce bool // replace a foreign value too
	key     *hostKey
	seen    atomic.Uint64 // the version of the file at the last inspection
}

// newGuard returns nil for a sink that cannot tell what its target holds. The sink
// of a file is also given as limited.
func newGuard(b sinks.Binding, limited *disk.Sink, key *hostKey) plan.Guard {
	kind, ok := b.Sink.(sinks.Inspector)
	if limited != nil {
		kind = limited.Inspector()
	}
	if !ok {
		return nil
	}
	return &guard{kind: kind, enforce: b.Enforce, key: key}
}

// Values implements plan.Guard.
func (g *guard) Values(set credential.Set) (map[string]string, error) {
	values, err := g.kind.Values(set)
	if err != nil {
		return nil, err
	}
	digests := make(map[string]string, len(values))
	for name, v := range values {
		digests[name] = g.digest(v)
	}
	return digests, nil
}

// Inspect implements plan.Guard.
func (g *guard) Inspect(ctx context.Context, set credential.Set, issued func(name, digest string) bool) (plan.Drift, error) {
	finding, err := g.kind.Inspect(ctx, set)
	if err != nil {
		return plan.Lost, err
	}
	g.seen.Store(finding.Mark)
	if finding.State == sinks.Same {
		return plan.InPlace, nil
	}
	for name, values := range finding.Found {
		for _, v := range values {
			if !g.enforce && !issued(name, g.digest(v)) {
				return plan.Foreign, nil
			}
		}
	}
	return plan.Lost, nil
}

// onDevice is the inspector of a file.
type onDevice interface {
	sinks.Glancer
	OnDevice(ctx context.Context, f func(context.Context)) error
}

// OnDevice implements plan.Glancer.
func (g *guard) OnDevice(ctx context.Context, f func(context.Context)) error {
	file, ok := g.kind.(onDevice)
	if !ok {
		return errNoDevice
	}
	return file.OnDevice(ctx, f)
}

var errNoDevice = errors.New("the target is not a file")

// InPlace implements plan.Glancer.
func (g *guard) InPlace(set credential.Set) bool {
	file, ok := g.kind.(onDevice)
	if !ok {
		return false
	}
	mark, same := file.Glance(set)
	if same {
		g.seen.Store(mark)
	}
	return same
}

// Saw reports whether the last inspection saw this version of the file.
func (g *guard) Saw(mark uint64) bool { return mark != 0 && g.seen.Load() == mark }

func (g *guard) digest(v credential.Secret) string {
	mac := hmac.New(sha256.New, g.key.bytes)
	mac.Write([]byte(v.Reveal()))
	return hex.EncodeToString(mac.Sum(nil)[:16])
}
