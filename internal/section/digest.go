package section

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/vigented/vigente/credential"
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

// Differing returns the keys, below the table, for which the kind would get
// other values from the one than from the other: what makes their digests
// differ. Either may be nil, for a table without keys. No value is in it.
func (s *Section) Differing(o *Section) []string {
	mine, theirs := s.noted(), o.noted()
	keys := map[string]bool{}
	for path, v := range mine {
		if w, ok := theirs[path]; !ok || !v.Equal(w) {
			keys[readable(path)] = true
		}
	}
	for path := range theirs {
		if _, ok := mine[path]; !ok {
			keys[readable(path)] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

func (s *Section) noted() map[string]credential.Secret {
	if s == nil {
		return nil
	}
	return s.values
}

// readable turns the path of a noted value into the key that an operator wrote;
// the place within an array is left out.
func readable(path string) string {
	elements := strings.Split(path, "\x00")
	if last := len(elements) - 1; last > 0 {
		if _, err := strconv.Atoi(elements[last]); err == nil {
			elements = elements[:last]
		}
	}
	return dotted(elements)
}
