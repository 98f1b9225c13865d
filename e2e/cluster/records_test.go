package cluster

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"sync"
	"testing"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// intent is what a machine wrote before a call.
type intent struct {
	Attempt, Node string
	At            int64
}

// records are all intents that etcd has seen for one credential, in the order of
// its revisions. They are read without the daemon's code.
type records struct {
	t    *testing.T
	aead cipher.AEAD
	mu   sync.Mutex
	all  []intent
	stop context.CancelFunc
	done chan struct{}
}

// watchRecords watches the record of a credential from its first revision on.
func (b *box) watchRecords(name string) *records {
	b.t.Helper()
	key, err := hkdf.Key(sha256.New, clusterKey[:], nil, "vigente cluster", 32)
	if err != nil {
		b.t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		b.t.Fatal(err)
	}
	r := &records{t: b.t, done: make(chan struct{})}
	if r.aead, err = cipher.NewGCM(block); err != nil {
		b.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(b.t.Context())
	r.stop = stop
	go func() {
		defer close(r.done)
		for answer := range b.client.Watch(ctx, prefix+"/c/"+name, clientv3.WithRev(1)) {
			if err := answer.Err(); err != nil && ctx.Err() == nil {
				b.t.Errorf("watch %s: %v", name, err)
			}
			for _, e := range answer.Events {
				r.note("c/"+name, e.Kv.Value)
			}
		}
	}()
	return r
}

const (
	prefix = "/vigente/test"
	// head is the format and the generation, which are not encrypted.
	head = 9
)

// note adds the intent of a record, if it is a new one.
func (r *records) note(key string, sealed []byte) {
	if len(sealed) < head+r.aead.NonceSize() {
		r.t.Errorf("the record of %s has %d bytes", key, len(sealed))
		return
	}
	nonce, body := sealed[head:head+r.aead.NonceSize()], sealed[head+r.aead.NonceSize():]
	bound := fmt.Sprintf("%d:%s:%d:%s:%x", len(prefix), prefix, len(key), key, sealed[:head])
	plain, err := r.aead.Open(nil, nonce, body, []byte(bound))
	var shared struct{ Intent intent }
	if err == nil {
		err = json.Unmarshal(plain, &shared)
	}
	if err != nil {
		r.t.Errorf("the record of %s does not open: %v", key, err)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := len(r.all) - 1; shared.Intent.Attempt != "" && (last < 0 || r.all[last].Attempt != shared.Intent.Attempt) {
		r.all = append(r.all, shared.Intent)
	}
}

// end returns what was seen.
func (r *records) end() []intent {
	r.stop()
	<-r.done
	return r.all
}
