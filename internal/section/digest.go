package section

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Digest returns a keyed digest of what the kind asked for: the values that
// differ from their fallbacks, in their canonical form, and the bytes of
// secrets and files. Where a secret stands and how a value is spelled does not
// count; neither do the daemon's own keys. Call it when the kind has asked for
// everything.
func (s *Section) Digest(key []byte) string {
	paths := make([]string, 0, len(s.values))
	for path := range s.values {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	var content []byte
	for _, path := range paths {
		content = appendText(content, path)
		content = appendText(content, s.values[path].Reveal())
	}
	mac := s.reader.macOf(key)
	_, _ = mac.Write(content)
	return hex.EncodeToString(mac.Sum(nil))
}

// Sums are short digests of what the kind asked for, a key each. They tell which
// keys of two tables differ without holding any value.
type Sums map[string]uint64

// Sums returns the digests under a seed of this process.
func (s *Section) Sums(seed maphash.Seed) Sums {
	sums := make(Sums, len(s.values))
	for path, v := range s.values {
		sums[path] = maphash.String(seed, v.Reveal())
	}
	return sums
}

// Differing returns the keys, below the table, for which the kind would get
// other values from the one than from the other: what makes their digests
// differ.
func (s Sums) Differing(o Sums) []string {
	keys := map[string]bool{}
	for path, v := range s {
		if w, ok := o[path]; !ok || v != w {
			keys[readable(path)] = true
		}
	}
	for path := range o {
		if _, ok := s[path]; !ok {
			keys[readable(path)] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// Written returns a digest of the table as it is written, with the folder that
// its paths start from: what it refers to is no part of it.
func (s *Section) Written() [sha256.Size]byte {
	sum := sha256.New()
	writeText(sum, s.folder)
	s.table.write(sum)
	return [sha256.Size]byte(sum.Sum(nil))
}

func (t *table) write(sum hash.Hash) {
	for _, e := range t.keys {
		writeText(sum, e.key)
		e.node.write(sum)
	}
	writeText(sum, "")
}

func (n *node) write(sum hash.Hash) {
	writeText(sum, n.kind.String())
	writeText(sum, n.text)
	for _, item := range n.items {
		item.write(sum)
	}
	if n.table != nil {
		n.table.write(sum)
	}
}

func writeText(sum hash.Hash, text string) { sum.Write(appendText(nil, text)) }

func appendText(to []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint64(to, uint64(len(text))), text...)
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
