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

// legacyFormat is the version of states kept in a bbolt file. They are read once,
// to be converted.
const legacyFormat = 1

// legacyPlace is the key of a value in such a state.
type legacyPlace struct{ bucket, name string }

const legacyMeta = "meta"

// Values of the meta bucket.
var (
	legacyVersion = legacyPlace{legacyMeta, "format"} // a number, not sealed
	legacySeed    = legacyPlace{legacyMeta, "seed"}
	legacyCheck   = legacyPlace{legacyMeta, "check"}  // legacyCheckText; only in a sealed state
	legacyDigest  = legacyPlace{legacyMeta, "digest"} // of all other values
)

const legacyCheckText = "vigente"

// legacyState is the content of such a state.
type legacyState struct {
	seed   [32]byte
	sealed bool
	values map[entry][]byte // unsealed
}

// errWrongKey means the state was sealed with another key.
var errWrongKey = fmt.Errorf("daemon.state_key is not the key it was sealed with")

// readLegacy reads a state of format 1. Its digest shows whether it is complete.
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
	case version == format: // Only the prelude of a state of the current format is left.
		return nil, errDamaged
	case version > legacyFormat:
		return nil, &newerError{uint64(version)}
	}
	check, sealed := stored[legacyCheck]
	s := &legacyState{sealed: sealed, values: map[entry][]byte{}}
	if sealed && key == nil {
		return s, nil // The caller refuses this version.
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

// fill unseals all values and checks the digest of the state, which is the XOR of
// the digests of all values with their keys.
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

// legacySeal unseals values of format 1. Without an AEAD they are not sealed.
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

// legacySums is the length of the two checksums before every stored value: one of
// its key, one of its key and body. In a damaged page a name may run into the
// value after it; the first checksum tells whether the name can be shown.
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

// legacyIntact reports whether a value is unchanged and stored under its own key.
func legacyIntact(p legacyPlace, value []byte) bool {
	return legacyNamed(p, value) && binary.LittleEndian.Uint32(value[4:]) == crc(p.bytes(), value[legacySums:])
}

// legacyNamed reports whether a value belongs to that key, even if the value
// itself is damaged.
func legacyNamed(p legacyPlace, value []byte) bool {
	return len(value) >= legacySums && binary.LittleEndian.Uint32(value) == crc(p.bytes())
}

// bytes returns the additional data of a sealed value.
func (p legacyPlace) bytes() []byte {
	return bytes.Join([][]byte{[]byte("vigente 1"), []byte(p.bucket), []byte(p.name)}, []byte{0})
}
