package cluster

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// envelopeFormat is the version of the shared format. A newer one is not overwritten.
const envelopeFormat = 1

// The layout: format 1, generation 8, then nonce and ciphertext.
const envelopeHead = 9

var (
	// errSealed means that a value cannot be decrypted for its name with any key.
	errSealed = errors.New("it does not open with the cluster's key")
	// errNewer means that a later version wrote the value.
	errNewer = errors.New("it was written by a newer vigente")
)

// keyring encrypts everything that is shared. A sealed value is bound to the cluster, the
// name of its key, its generation and its format, and cannot be opened elsewhere.
type keyring struct {
	cluster string
	aeads   []cipher.AEAD // the first one seals, all of them open
}

func newKeyring(cluster string, key [32]byte, old ...[32]byte) (*keyring, error) {
	k := &keyring{cluster: cluster}
	for _, one := range append([][32]byte{key}, old...) {
		derived, err := hkdf.Key(sha256.New, one[:], nil, "vigente cluster", 32)
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
		k.aeads = append(k.aeads, aead)
	}
	return k, nil
}

func (k *keyring) additional(head []byte, key string) []byte {
	return fmt.Appendf(nil, "%d:%s:%d:%s:%x", len(k.cluster), k.cluster, len(key), key, head)
}

// seal encodes a value for a key.
func (k *keyring) seal(key string, generation uint64, value any) ([]byte, error) {
	plain, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	b := binary.BigEndian.AppendUint64([]byte{envelopeFormat}, generation)
	head := append([]byte{}, b...)
	var nonce [12]byte
	_, _ = rand.Read(nonce[:]) // never fails
	b = append(b, nonce[:]...)
	return k.aeads[0].Seal(b, nonce[:], plain, k.additional(head, key)), nil
}

// open is the inverse of seal.
func (k *keyring) open(key string, sealed []byte, value any) error {
	if len(sealed) > 0 && sealed[0] > envelopeFormat {
		return errNewer
	}
	if len(sealed) < envelopeHead+12 || sealed[0] != envelopeFormat {
		return errSealed
	}
	head, nonce, body := sealed[:envelopeHead], sealed[envelopeHead:envelopeHead+12], sealed[envelopeHead+12:]
	for _, aead := range k.aeads {
		plain, err := aead.Open(nil, nonce, body, k.additional(head, key))
		if err != nil {
			continue
		}
		if json.Unmarshal(plain, value) != nil {
			return errSealed
		}
		return nil
	}
	return errSealed
}
