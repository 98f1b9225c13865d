package store

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
)

var errForged = errors.New("it does not open with daemon.state_key")

// box seals the frames of one file. The key is derived from the file's salt, so
// no frame of one file opens in another. The additional data of a frame includes
// the tag of the previous frame, so a frame that is missing, moved or copied from
// an older file breaks the chain.
type box struct{ aead cipher.AEAD }

// sealOverhead is what sealing adds to a frame's body.
const sealOverhead = 12 + tagLength

const tagLength = 16

func deriveKey(key *[32]byte, salt []byte, use string) ([]byte, error) {
	return hkdf.Key(sha256.New, key[:], salt, "vigente state "+use, 32)
}

func newBox(key *[32]byte, salt []byte) (*box, error) {
	derived, err := deriveKey(key, salt, "frames")
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &box{aead}, nil
}

// keyCheck identifies the key, so that a wrong one is noticed before any frame
// is opened.
func keyCheck(key *[32]byte, salt []byte) (check [checkLength]byte, err error) {
	derived, err := deriveKey(key, salt, "key check")
	copy(check[:], derived)
	return check, err
}

// seal appends nonce, ciphertext and tag to buf. The nonce is random: after a
// backup is restored, the same key and the same counters are used again.
func (b *box) seal(buf, plain, additional []byte) []byte {
	var nonce [12]byte
	_, _ = rand.Read(nonce[:]) // never fails
	buf = append(buf, nonce[:]...)
	return b.aead.Seal(buf, nonce[:], plain, additional)
}

// open decrypts a body in place.
func (b *box) open(body, additional []byte) ([]byte, error) {
	if len(body) < sealOverhead {
		return nil, errForged
	}
	nonce, rest := body[:12], body[12:]
	plain, err := b.aead.Open(rest[:0], nonce, rest, additional)
	if err != nil {
		return nil, errForged
	}
	return plain, nil
}

// markSum authenticates the counter of a mark.
func markSum(key *[32]byte, counter uint64) ([]byte, error) {
	derived, err := deriveKey(key, nil, "mark")
	if err != nil {
		return nil, err
	}
	h := hmac.New(sha256.New, derived)
	_, _ = h.Write(binary.BigEndian.AppendUint64(nil, counter))
	return h.Sum(nil), nil
}
