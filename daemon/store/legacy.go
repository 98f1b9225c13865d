package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"strconv"
)

// legacyFormat is the version of the states that are kept in a bbolt file. They
// are read once, to be taken over.
const legacyFormat = 1

// legacyPlace is where a value of such a state stands.
type legacyPlace struct{ bucket, name string }

const legacyMeta = "meta"

// Values of the meta bucket.
var (
	legacyVersion = legacyPlace{legacyMeta, "format"} // a number in clear
	legacySeed    = legacyPlace{legacyMeta, "seed"}
	legacyCheck   = legacyPlace{legacyMeta, "check"}  // legacyCheckText; there when the state is sealed
	legacyDigest  = legacyPlace{legacyMeta, "digest"} // of all other values
)

const legacyCheckText = "vigente"

// legacyState is the content of such a state.
type legacyState struct {
	seed   [32]byte
	sealed bool
	values map[entry][]byte // in clear
}

// errWrongKey says that the state was sealed with another key.
var errWrongKey = fmt.Errorf("daemon.state_key is not the key it was sealed with")

// readLegacy reads a state of format 1 as a whole. Its digest shows whether
// that is all there was.
func readLegacy(f *os.File, key *[32]byte) (*legacyState, error) {
	stored := map[legacyPlace][]byte{}
	err := walkFile(f, func(bucket, name, value []byte) {
		stored[legacyPlace{string(bucket), string(name)}] = bytes.Clone(value)
	})
	if err != nil {
		return nil, err
	}
	version, err := strconv.Atoi(string(stored[legacyVersion]))
	switch {
	case err != nil || version < 1:
		return nil, errForeign
	case version == format: // The prelude of a state of this format, whose rest is not there.
		return nil, errDamaged
	case version > legacyFormat:
		return nil, &newerError{uint64(version)}
	}
	check, sealed := stored[legacyCheck]
	s := &legacyState{sealed: sealed, values: map[entry][]byte{}}
	if sealed && key == nil {
		return s, nil // The caller refuses it.
	}
	unseal, err := newLegacySeal(key, sealed)
	if err != nil {
		return nil, err
	}
	if sealed {
		if !legacyIntact(legacyCheck, check) {
			return nil, errDamaged
		}
		if text, err := unseal.open(legacyCheck, check); err != nil || string(text) != legacyCheckText {
			return nil, errWrongKey
		}
	}
	return s, s.fill(stored, unseal)
}

// fill opens all values and compares their digest, which is the exclusive or of
// the digests of all values with their places.
func (s *legacyState) fill(stored map[legacyPlace][]byte, unseal *legacySeal) error {
	want, err := unseal.open(legacyDigest, stored[legacyDigest])
	if err != nil {
		return errDamaged
	}
	delete(stored, legacyDigest)
	var digest [16]byte
	for p, value := range stored {
		h := sha256.Sum256(bytes.Join([][]byte{p.bytes(), value}, []byte{0}))
		for i := range digest {
			digest[i] ^= h[i]
		}
		if p == legacyVersion {
			continue
		}
		plain, err := unseal.open(p, value)
		e, known := entryOfBucket(p.bucket, p.name)
		switch {
		case err != nil && !legacyNamed(p, value):
			return fmt.Errorf("a record whose name is damaged: %w", err)
		case err != nil:
			return fmt.Errorf("%s %q: %w", p.bucket, p.name, err)
		case p == legacySeed && len(plain) == len(s.seed):
			copy(s.seed[:], plain)
		case known:
			s.values[e] = plain
		case p.bucket != legacyMeta:
			return errForeign
		}
	}
	if s.seed == [32]byte{} || !bytes.Equal(want, digest[:]) {
		return errIncomplete
	}
	return nil
}

// legacySeal opens values of format 1; without an AEAD they are in clear.
type legacySeal struct{ aead cipher.AEAD }

func newLegacySeal(key *[32]byte, sealed bool) (*legacySeal, error) {
	if !sealed {
		return &legacySeal{}, nil
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	return &legacySeal{aead}, err
}

// legacySums is the length of what stands in front of every stored value: a
// checksum of its place, and one of its place and body. In a damaged page a name
// may run into the value after it; the first one tells whether it can be shown.
const legacySums = 8

func (s *legacySeal) open(p legacyPlace, value []byte) ([]byte, error) {
	if !legacyIntact(p, value) {
		return nil, errNotReadable
	}
	body := value[legacySums:]
	if s.aead == nil {
		return body, nil
	}
	if n := s.aead.NonceSize(); len(body) >= n {
		if plain, err := s.aead.Open(nil, body[:n], body[n:], p.bytes()); err == nil {
			return plain, nil
		}
	}
	return nil, errNotReadable
}

// legacyIntact reports whether a stored value is what was stored in that place.
func legacyIntact(p legacyPlace, value []byte) bool {
	return legacyNamed(p, value) && binary.LittleEndian.Uint32(value[4:]) == crc(p.bytes(), value[legacySums:])
}

// legacyNamed reports whether a stored value belongs to that name, whatever
// became of the value.
func legacyNamed(p legacyPlace, value []byte) bool {
	return len(value) >= legacySums && binary.LittleEndian.Uint32(value) == crc(p.bytes())
}

// bytes is what a value is bound to.
func (p legacyPlace) bytes() []byte {
	return bytes.Join([][]byte{[]byte("vigente 1"), []byte(p.bucket), []byte(p.name)}, []byte{0})
}
