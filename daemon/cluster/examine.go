package cluster

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// oldestGood is the first version that fixes known bugs of the engine.
var oldestGood = [3]int{3, 6, 14}

// uncompacted is how many revisions an engine may keep before the lack of compaction is
// reported.
const uncompacted = 10_000

// Examine proves that an engine can be used, and that access is limited to the prefix.
// It leaves no key behind. The error says what keeps the cluster from working, the
// warnings what may do so later.
func Examine(ctx context.Context, opt EtcdOptions, node string) (warnings []string, err error) {
	kv, err := Etcd(opt)
	if err != nil {
		return nil, err
	}
	defer kv.Close()
	e, ok := kv.(*etcd)
	if !ok {
		return nil, errors.New("examine the engine: it is of another kind")
	}
	if err := e.rights(ctx, "doctor/"+node); err != nil {
		return nil, err
	}
	return e.remarks(ctx), nil
}

// rights reads everything below the prefix, and writes and deletes a key.
func (e *etcd) rights(ctx context.Context, key string) error {
	now, err := e.Get(ctx, key)
	if err == nil {
		err = e.readable(ctx, e.key(""), clientv3.WithPrefix(), clientv3.WithCountOnly())
	}
	if err != nil {
		return e.lacking("read", err)
	}
	now, _, err = e.Swap(ctx, key, now.Rev, []byte("doctor"), 0)
	if err != nil {
		return e.lacking("write", err)
	}
	if _, err := e.Remove(ctx, key, now.Rev); err != nil {
		return e.lacking("delete", err)
	}
	return nil
}

// lacking says what is impossible below the prefix, and what would help.
func (e *etcd) lacking(what string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, rpctypes.ErrPermissionDenied):
		hint = fmt.Sprintf(" (expected rights to read and write %s/)", e.opt.Prefix)
	case errors.Is(err, rpctypes.ErrNoSpace):
		hint = " (compact and defragment it, then etcdctl alarm disarm)"
	}
	return fmt.Errorf("%s below %s: %w%s", what, e.opt.Prefix, err, hint)
}

// readable reads with these options, without counting it among the requests.
func (e *etcd) readable(ctx context.Context, key string, opts ...clientv3.OpOption) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := e.client.Get(ctx, key, opts...)
	return classify(err, false)
}

// remarks checks version, compaction, space and permissions of the engine.
func (e *etcd) remarks(ctx context.Context) (warnings []string) {
	for _, endpoint := range e.opt.Endpoints {
		limited, cancel := context.WithTimeout(ctx, requestTimeout)
		s, err := e.client.Status(limited, endpoint)
		cancel()
		switch {
		case err != nil:
			warnings = append(warnings, endpoint+" does not answer")
		case older(s.Version):
			warnings = append(warnings, fmt.Sprintf("%s runs etcd %s, which has known holes (3.6.14 closes them)", endpoint, s.Version))
		}
		if err == nil && len(s.Errors) > 0 {
			warnings = append(warnings, endpoint+" reports "+strings.Join(s.Errors, ", "))
		}
		if err == nil {
			warnings = append(warnings, filled(endpoint, s.DbSize, s.DbSizeQuota)...)
		}
	}
	warnings = append(warnings, e.clocks(ctx)...)
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	_, err := e.client.Get(limited, e.key("probe"), clientv3.WithRev(1))
	now, known := e.client.Get(limited, e.key("probe"))
	if err == nil && known == nil && now.Header.Revision > uncompacted {
		warnings = append(warnings, "no compaction is seen: set --auto-compaction-retention, or the engine becomes full")
	}
	if e.wider(ctx) {
		warnings = append(warnings, "more than "+e.opt.Prefix+"/ can be read: give this user rights on exactly that prefix")
	}
	return warnings
}

// wider reports whether keys outside of the prefix can be read. The first neighbours are
// those of a grant without the last slash, or one level higher.
func (e *etcd) wider(ctx context.Context) bool {
	for _, outside := range []string{e.opt.Prefix, clientv3.GetPrefixRangeEnd(e.key("")), "/outside" + e.opt.Prefix} {
		if e.readable(ctx, outside, clientv3.WithSerializable()) == nil {
			return true
		}
	}
	return false
}

// defaultQuota is the space of an engine without a configured quota.
const defaultQuota = 2 << 30

// filled warns of an engine with little space left. Versions before 3.6 do not report
// their quota.
func filled(endpoint string, size, quota int64) []string {
	told := ""
	if quota == 0 {
		quota, told = defaultQuota, ", unless it was given more (--quota-backend-bytes)"
	}
	if size*10 < quota*8 {
		return nil
	}
	return []string{fmt.Sprintf("%s has used %d of %d MiB%s: compact and defragment it before it takes no more writes", endpoint, size>>20, quota>>20, told)}
}

// older reports whether a version is before oldestGood.
func older(version string) bool {
	for i, part := range strings.SplitN(version, ".", 3) {
		n, err := strconv.Atoi(part)
		if err != nil || n > oldestGood[i] {
			return false
		}
		if n < oldestGood[i] {
			return true
		}
	}
	return false
}
