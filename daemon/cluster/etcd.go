package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.etcd.io/etcd/api/v3/mvccpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// EtcdOptions say where the engine is and how to connect to it.
type EtcdOptions struct {
	Endpoints []string
	Prefix    string
	// TLS returns the settings of a new connection, nil for plain http. They may change
	// while connections are open.
	TLS                func() *tls.Config
	Username, Password string
	// Observe is called for every request unless it is nil.
	Observe func(op, result string, took time.Duration)
}

func (o *EtcdOptions) tls() *tls.Config {
	if o.TLS == nil {
		return nil
	}
	return o.TLS()
}

// Bounds of one request. They, and the keep-alives, detect a connection that no longer
// answers.
const (
	requestTimeout = 4 * time.Second
	dialTimeout    = 3 * time.Second
	aliveEvery     = 3 * time.Second
	aliveTimeout   = 2 * time.Second
)

// etcd is the KV on etcd. It compares, swaps and watches only single keys.
type etcd struct {
	opt    EtcdOptions
	client *clientv3.Client

	mu     sync.Mutex
	leases map[int64]clientv3.LeaseID // by seconds
}

// Etcd returns a KV on etcd. It does not connect yet.
func Etcd(opt EtcdOptions) (KV, error) {
	cfg := clientv3.Config{
		Endpoints: opt.Endpoints, DialTimeout: dialTimeout, DialKeepAliveTime: aliveEvery, DialKeepAliveTimeout: aliveTimeout,
		DialOptions:         []grpc.DialOption{grpc.WithConnectParams(reconnect)},
		PermitWithoutStream: true, RejectOldCluster: false, Logger: zap.NewNop(),
	}
	if cfg.TLS = opt.tls(); cfg.TLS != nil {
		cfg.DialOptions = append(cfg.DialOptions, grpc.WithTransportCredentials(renewable{opt.tls}))
	}
	if opt.Username != "" {
		bare := cfg
		bare.DialOptions = slices.Clone(cfg.DialOptions)
		cfg.DialOptions = append(cfg.DialOptions, newUser(opt, func() (*clientv3.Client, error) { return clientv3.New(bare) }).options()...)
	}
	client, err := clientv3.New(cfg)
	if err != nil {
		return nil, fmt.Errorf("open the cluster's engine: %w", plainError(err))
	}
	return &etcd{opt: opt, client: client, leases: map[int64]clientv3.LeaseID{}}, nil
}

func (e *etcd) Close() error { return e.client.Close() }

func (e *etcd) key(name string) string { return e.opt.Prefix + "/" + name }

func (e *etcd) name(key []byte) string { return string(key[len(e.opt.Prefix)+1:]) }

// observe counts a request and converts its error into one of KV's.
func (e *etcd) observe(op string, begun time.Time, err error, mutates bool) error {
	err = classify(err, mutates)
	if e.opt.Observe != nil {
		result := "ok"
		switch {
		case errors.Is(err, ErrUnknown):
			result = "unknown"
		case errors.Is(err, ErrAway):
			result = "away"
		case err != nil:
			result = "refused"
		}
		e.opt.Observe(op, result, time.Since(begun))
	}
	return err
}

// classify converts an error of the client. The client does not retry a write once it
// was connected, so after a lost answer the outcome of a write is unknown.
func classify(err error, mutates bool) error {
	if err == nil {
		return nil
	}
	for _, lasting := range []error{
		rpctypes.ErrPermissionDenied, rpctypes.ErrAuthFailed, rpctypes.ErrUserEmpty, rpctypes.ErrNoSpace, rpctypes.ErrRequestTooLarge,
		rpctypes.ErrInvalidAuthToken,
	} {
		if errors.Is(err, lasting) {
			return plainError(err)
		}
	}
	switch status.Code(err) {
	case codes.PermissionDenied, codes.Unauthenticated, codes.ResourceExhausted, codes.InvalidArgument, codes.FailedPrecondition:
		return plainError(err)
	default: // it may have taken effect, or not
	}
	if mutates {
		return ErrUnknown
	}
	return ErrAway
}

// refusedError is an answer of the engine that waiting does not change. It keeps the
// engine's own text and drops the rest, which may contain addresses and more.
type refusedError struct {
	text  string
	cause error
}

func (e *refusedError) Error() string { return "the engine answers: " + e.text }

func (e *refusedError) Is(target error) bool { return errors.Is(e.cause, target) }

func plainError(err error) error {
	if s, ok := status.FromError(err); ok {
		return &refusedError{s.Message(), err}
	}
	return &refusedError{rpctypes.ErrorDesc(err), err}
}

func (e *etcd) Get(ctx context.Context, key string) (Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	begun := time.Now()
	r, err := e.client.Get(ctx, e.key(key))
	if err = e.observe("get", begun, err, false); err != nil {
		return Entry{}, err
	}
	if len(r.Kvs) == 0 {
		return Entry{Key: key, At: r.Header.Revision}, nil
	}
	return Entry{key, r.Kvs[0].Value, r.Kvs[0].ModRevision, r.Header.Revision}, nil
}

// page is how many keys are listed at once.
const page = 500

func (e *etcd) List(ctx context.Context, prefix string) (all []Entry, rev int64, err error) {
	from, end := e.key(prefix), clientv3.GetPrefixRangeEnd(e.key(prefix))
	for {
		opts := []clientv3.OpOption{clientv3.WithRange(end), clientv3.WithLimit(page)}
		if rev > 0 {
			opts = append(opts, clientv3.WithRev(rev))
		}
		begun := time.Now()
		limited, cancel := context.WithTimeout(ctx, requestTimeout)
		r, err := e.client.Get(limited, from, opts...)
		cancel()
		if err = e.observe("list", begun, err, false); err != nil {
			return nil, 0, err
		}
		if rev == 0 {
			rev = r.Header.Revision
		}
		for _, kv := range r.Kvs {
			all = append(all, Entry{e.name(kv.Key), kv.Value, kv.ModRevision, rev})
		}
		if !r.More || len(r.Kvs) == 0 {
			return all, rev, nil
		}
		from = string(r.Kvs[len(r.Kvs)-1].Key) + "\x00"
	}
}

func (e *etcd) Swap(ctx context.Context, key string, rev int64, value []byte, seconds int64) (Entry, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	var opts []clientv3.OpOption
	if seconds > 0 {
		lease, err := e.lease(ctx, seconds)
		if err != nil {
			return Entry{}, false, err
		}
		opts = append(opts, clientv3.WithLease(lease))
	}
	k := e.key(key)
	begun := time.Now()
	r, err := e.client.Txn(ctx).
		If(clientv3.Compare(clientv3.ModRevision(k), "=", rev)).
		Then(clientv3.OpPut(k, string(value), opts...)).
		Else(clientv3.OpGet(k)).
		Commit()
	if err != nil && seconds > 0 && errors.Is(err, rpctypes.ErrLeaseNotFound) {
		e.forgetLease(seconds)
	}
	if err = e.observe("swap", begun, err, true); err != nil {
		return Entry{}, false, err
	}
	if r.Succeeded {
		return Entry{key, value, r.Header.Revision, r.Header.Revision}, true, nil
	}
	if kvs := r.Responses[0].GetResponseRange().GetKvs(); len(kvs) > 0 {
		return Entry{key, kvs[0].Value, kvs[0].ModRevision, r.Header.Revision}, false, nil
	}
	return Entry{Key: key, At: r.Header.Revision}, false, nil
}

func (e *etcd) Remove(ctx context.Context, key string, rev int64) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	k := e.key(key)
	begun := time.Now()
	r, err := e.client.Txn(ctx).If(clientv3.Compare(clientv3.ModRevision(k), "=", rev)).Then(clientv3.OpDelete(k)).Commit()
	if err = e.observe("remove", begun, err, true); err != nil {
		return false, err
	}
	return r.Succeeded, nil
}

func (e *etcd) Watch(ctx context.Context, prefix string, after int64, each func(Entry)) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	for r := range e.client.Watch(ctx, e.key(prefix), clientv3.WithPrefix(), clientv3.WithRev(after+1)) {
		if err := r.Err(); err != nil {
			return fmt.Errorf("watch the engine: %w", classify(err, false))
		}
		for _, ev := range r.Events {
			entry := Entry{e.name(ev.Kv.Key), ev.Kv.Value, ev.Kv.ModRevision, ev.Kv.ModRevision}
			if ev.Type == mvccpb.DELETE {
				entry.Rev = 0
			}
			each(entry)
		}
	}
	return ErrAway
}

// lease returns a lease that ends that many seconds after this machine's last
// keep-alive.
func (e *etcd) lease(ctx context.Context, seconds int64) (clientv3.LeaseID, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if id, ok := e.leases[seconds]; ok {
		return id, nil
	}
	begun := time.Now()
	r, err := e.client.Grant(ctx, seconds)
	if err = e.observe("lease", begun, err, false); err != nil {
		return 0, err
	}
	alive, err := e.client.KeepAlive(context.WithoutCancel(ctx), r.ID)
	if err != nil {
		return 0, classify(err, false)
	}
	e.leases[seconds] = r.ID
	go func() {
		for range alive { // the client keeps the lease alive; its end closes the channel
		}
		e.forgetLease(seconds)
	}()
	return r.ID, nil
}

func (e *etcd) forgetLease(seconds int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.leases, seconds)
}
