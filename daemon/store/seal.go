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

// sealer turns values into what is stored: checksums, so that a flipped bit is
// never taken for a token, then the value, sealed or, with a nil sealer, in
// clear. All of it is bound to the place of the value.
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

// checksumLength is what stands in front of every stored value: a checksum of
// its place, and one of its place and body. In a damaged page a name may run
// into the value after it; the first one tells whether it can be shown.
const checksumLength = 8

// close makes the stored form. A value that is moved to another place does not
// open there. The nonce is random; a state sees far fewer than the 2^32 writes
// up to which that is sound.
func (s *sealer) close(e entry, plain []byte) ([]byte, error) {
	value := make([]byte, checksumLength, checksumLength+len(plain)+64)
	if s == nil {
		value = append(value, plain...)
	} else {
		nonce := make([]byte, s.aead.NonceSize())
		if _, err := rand.Read(nonce); err != nil {
			return nil, err
		}
		value = s.aead.Seal(append(value, nonce...), nonce, plain, place(e))
	}
	binary.LittleEndian.PutUint32(value, checksum(e, nil))
	binary.LittleEndian.PutUint32(value[4:], checksum(e, value[checksumLength:]))
	return value, nil
}

func (s *sealer) open(e entry, value []byte) ([]byte, error) {
	if !intact(e, value) {
		return nil, errNotReadable
	}
	body := value[checksumLength:]
	if s == nil {
		return body, nil
	}
	if n := s.aead.NonceSize(); len(body) >= n {
		if plain, err := s.aead.Open(nil, body[:n], body[n:], place(e)); err == nil {
			return plain, nil
		}
	}
	return nil, errNotReadable
}

// intact reports whether a stored value is what was stored in that place. It
// says nothing about who stored it.
func intact(e entry, value []byte) bool {
	return named(e, value) && binary.LittleEndian.Uint32(value[4:]) == checksum(e, value[checksumLength:])
}

// named reports whether a stored value belongs to that name, whatever became
// of the value.
func named(e entry, value []byte) bool {
	return len(value) >= checksumLength && binary.LittleEndian.Uint32(value) == checksum(e, nil)
}

// place is what a value is bound to: format, bucket and name.
func place(e entry) []byte {
	return bytes.Join([][]byte{[]byte("vigente 1"), []byte(e.bucket), []byte(e.name)}, []byte{0})
}

func checksum(e entry, body []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // made once by the library
	return crc32.Update(crc32.Checksum(place(e), table), table, body)
}
