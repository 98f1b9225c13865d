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

// Digest returns a keyed digest of what the kind asked for: the values that differ from
// their fallbacks, in canonical form, and the bytes of secrets and files. It does not
// depend on where a secret or a file is stored, on how a value is spelled, or on the
// daemon's own keys. Call it after the kind has asked for everything.
func (s *Section) Digest(key []byte) string {
	mac := s.reader.macOf(key)
	_, _ = mac.Write(s.content(func(string) bool { return true }))
	return hex.EncodeToString(mac.Sum(nil))
}

// Settings returns a digest of the values that are the same on every machine: without
// secrets, names that may be secrets, and files. Call it after the kind has asked for
// everything.
func (s *Section) Settings() [sha256.Size]byte {
	return sha256.Sum256(s.content(func(path string) bool { return !s.local[path] }))
}

func (s *Section) content(of func(path string) bool) (content []byte) {
	paths := make([]string, 0, len(s.values))
	for path := range s.values {
		if of(path) && !s.files[path] {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	for _, path := range paths {
		content = appendText(content, path)
		content = appendText(content, s.values[path].Reveal())
	}
	return content
}

// Sums are short digests of what the kind asked for, by key. They tell which keys of two
// tables differ without holding any value.
type Sums map[string]uint64

// Sums returns the digests, with a seed of this process.
func (s *Section) Sums(seed maphash.Seed) Sums {
	sums := make(Sums, len(s.values))
	for path, v := range s.values {
		sums[path] = maphash.String(seed, v.Reveal())
	}
	return sums
}

// Differing returns the keys, below the table, for which the kind gets different values
// from the two tables.
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

// Written returns a digest of the text of the table and of the folder for relative paths.
// It does not cover what the table refers to.
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

// readable converts the path of a noted value to the key that an operator wrote, without
// indexes of arrays.
func readable(path string) string {
	elements := strings.Split(path, "\x00")
	if last := len(elements) - 1; last > 0 {
		if _, err := strconv.Atoi(elements[last]); err == nil {
			elements = elements[:last]
		}
	}
	return dotted(elements)
}
