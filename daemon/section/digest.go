package section

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
)

// Digest returns a keyed digest of what the kind asked for: the values that
// differ from their fallbacks, in their canonical form, and the bytes of
// secrets and files. Where a secret stands and how a value is spelled does not
// count; neither do the daemon's own keys. Call it when the kind has asked for
// everything.
func (s *Section) Digest(key []byte) string {
	mac := hmac.New(sha256.New, key)
	write := func(text string) {
		var size [8]byte
		binary.BigEndian.PutUint64(size[:], uint64(len(text)))
		mac.Write(size[:])
		mac.Write([]byte(text))
	}
	for _, path := range slices.Sorted(maps.Keys(s.values)) {
		write(path)
		write(s.values[path].Reveal())
	}
	return hex.EncodeToString(mac.Sum(nil))
}
