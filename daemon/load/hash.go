package load

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"maps"
	"math"
	"slices"
	"sync"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// content collects the content of a spec to be hashed. Hashes are compared within
// one process only, so the encoding may change between versions.
type content struct{ bytes []byte }

func newHash() *content { return contents.Get().(*content) }

// contents holds buffers to be used again: every row needs several.
var contents = sync.Pool{New: func() any { return &content{make([]byte, 0, 1024)} }}

func (h *content) number(n uint64) *content {
	h.bytes = binary.BigEndian.AppendUint64(h.bytes, n)
	return h
}

// texts adds a list of texts, each with its length, and an end marker.
func (h *content) texts(list ...string) *content {
	for _, text := range list {
		h.bytes = binary.AppendUvarint(h.bytes, uint64(len(text))+1)
		h.bytes = append(h.bytes, text...)
	}
	h.bytes = append(h.bytes, 0)
	return h
}

// any adds a value in Go syntax. It is too slow for what every row has.
func (h *content) any(v any) *content { return h.texts(fmt.Sprintf("%#v", v)) }

func (h *content) policy(p schedule.Policy) *content {
	for _, m := range []schedule.Margin{p.RenewBefore, p.Jitter} {
		h.number(uint64(m.Fixed)).number(math.Float64bits(m.Share)) //nolint:gosec // compared, never counted with
	}
	h.number(uint64(p.MaxAge)).number(uint64(p.MinInterval)).number(uint64(p.Timeout)) //nolint:gosec // as above
	h.texts(p.Schedule.Key())
	if p.OwnRenewBefore {
		h.texts("own")
	}
	for _, key := range slices.Sorted(maps.Keys(p.Keys)) {
		h.texts(key, p.Keys[key])
	}
	return h.texts()
}

func (h *content) missing(list []plan.Missing) *content {
	for _, m := range list {
		h.texts(m.Key, m.Path, m.Message)
	}
	return h.texts()
}

func (h *content) onFailure(o *plan.OnFailure) *content {
	if o == nil {
		return h.texts()
	}
	return h.texts(o.Command...).number(uint64(o.After)).number(uint64(o.Timeout)) //nolint:gosec // as above
}

// sum returns the hash. The content must not be used after it.
func (h *content) sum() plan.Hash {
	sum := sha256.Sum256(h.bytes)
	h.bytes = h.bytes[:0]
	contents.Put(h)
	return plan.Hash(sum[:len(plan.Hash{})])
}

// sealer makes digests keyed with this host's key.
type sealer struct {
	mac     hash.Hash
	cluster hash.Hash // nil if there is no cluster
}

func newSealer(key []byte, c config.Cluster) *sealer {
	s := &sealer{mac: hmac.New(sha256.New, key)}
	if len(c.Endpoints) > 0 {
		// The cluster key seals records, so derive another key for digests.
		derived := digestOf(hmac.New(sha256.New, c.Key[:]), "vigente inputs")
		s.cluster = hmac.New(sha256.New, derived)
	}
	return s
}

func (s *sealer) seal(text string) string { return hex.EncodeToString(digestOf(s.mac, text)) }

// share returns a digest that is the same on every machine of the cluster. It is
// short, because it only tells secrets apart, and empty without a cluster.
func (s *sealer) share(text string) string {
	if s.cluster == nil {
		return ""
	}
	return hex.EncodeToString(digestOf(s.cluster, text)[:8])
}

func digestOf(mac hash.Hash, text string) []byte {
	mac.Reset()
	_, _ = mac.Write([]byte(text))
	return mac.Sum(nil)
}
