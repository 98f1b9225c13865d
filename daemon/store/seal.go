package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// errNotReadable stands for every way in which a stored value is no record:
// the causes of decoders repeat what they read.
var errNotReadable = errors.New("its content is not readable")

// sealer seals values. A nil sealer leaves them readable and guards them with
// a checksum, so that a flipped bit is never taken for a token.
type sealer struct{ aead cipher.AEAD }

func newSealer(key *[32]byte) (*sealer, error) {
	if key == nil {
		return nil, nil
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &sealer{aead}, nil
}

// close seals a value for its place: one that was moved to another place does
// not open there. The nonce is random; a state sees far fewer than the 2^32
// writes up to which that is sound.
func (s *sealer) close(e entry, plain []byte) ([]byte, error) {
	if s == nil {
		return append(binary.LittleEndian.AppendUint32(nil, sum(e, plain)), plain...), nil
	}
	nonce := make([]byte, s.aead.NonceSize())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return s.aead.Seal(nonce, nonce, plain, place(e)), nil
}

func (s *sealer) open(e entry, value []byte) ([]byte, error) {
	if s == nil {
		if len(value) < 4 || binary.LittleEndian.Uint32(value) != sum(e, value[4:]) {
			return nil, errNotReadable
		}
		return value[4:], nil
	}
	if n := s.aead.NonceSize(); len(value) >= n {
		if plain, err := s.aead.Open(nil, value[:n], value[n:], place(e)); err == nil {
			return plain, nil
		}
	}
	return nil, errNotReadable
}

func place(e entry) []byte {
	return bytes.Join([][]byte{[]byte("vigente 1"), []byte(e.bucket), []byte(e.name)}, []byte{0})
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(e entry, plain []byte) uint32 {
	return crc32.Update(crc32.Checksum(place(e), castagnoli), castagnoli, plain)
}
