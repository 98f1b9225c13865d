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

// rights reads, writes and deletes a key.
func (e *etcd) rights(ctx context.Context, key string) error {
	now, err := e.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("read below %s: %w (expected rights to read and write %s/)", e.opt.Prefix, err, e.opt.Prefix)
	}
	now, _, err = e.Swap(ctx, key, now.Rev, []byte("doctor"), 0)
	if err != nil {
		return fmt.Errorf("write below %s: %w (expected rights to read and write %s/)", e.opt.Prefix, err, e.opt.Prefix)
	}
	if _, err := e.Remove(ctx, key, now.Rev); err != nil {
		return fmt.Errorf("delete below %s: %w (expected rights to read and write %s/)", e.opt.Prefix, err, e.opt.Prefix)
	}
	return nil
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
	_, err = e.client.Get(limited, "/outside"+e.opt.Prefix, clientv3.WithSerializable())
	if !errors.Is(err, rpctypes.ErrPermissionDenied) && err == nil {
		warnings = append(warnings, "more than "+e.opt.Prefix+"/ can be read: give this user rights on exactly that prefix")
	}
	return warnings
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
