package arqged

import (
	"strconv"
	"sync"

	"github.com/vigented/vigente/credential"
)

// keyring holds the subscription keys, at most two, and which one to use. The
// vendor issues them in pairs: a regenerated key stops working immediately, and
// the other stays valid. It is safe for concurrent use.
type keyring struct {
	keys []credential.Secret

	mu     sync.Mutex
	next   int
	chosen bool // next has been set since the daemon started
	bad    [maxKeys]bool
}

// keysOfGateway lists the configuration keys to fix when a key is refused.
var keysOfGateway = []string{"subscription_keys"}

// maxKeys is how many keys a subscription has.
const maxKeys = 2

// prefer selects the key that worked last before the daemon was restarted.
func (k *keyring) prefer(previous credential.Credential) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.chosen {
		return
	}
	k.chosen = true
	n, err := strconv.Atoi(previous.Seed[seedKey].Reveal())
	if err == nil && n >= 1 && n <= len(k.keys) {
		k.next = n - 1
	}
}

// present returns the key to use and its index; the key is empty without any.
func (k *keyring) present() (int, credential.Secret) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) == 0 {
		return 0, credential.Secret{}
	}
	return k.next, k.keys[k.next]
}

// accepted notes that the gateway accepted a key.
func (k *keyring) accepted(index int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.bad = [maxKeys]bool{}
	k.next = index
}

// refused notes that the gateway refused a key. The next attempt uses the other
// one; if that was refused before, action is needed.
func (k *keyring) refused(index int) *credential.Fault {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.keys) == 0 {
		return &credential.Fault{
			Reason:  credential.ReasonRejected,
			Message: "the gateway of ArqGED wants a subscription key: set subscription_keys (the developer portal shows them)",
		}
	}
	k.bad[index] = true
	k.next = (index + 1) % len(k.keys)
	for i := range k.keys {
		if !k.bad[i] {
			return &credential.Fault{
				Reason: credential.ReasonServer, Keys: keysOfGateway,
				Message: "the gateway of ArqGED refuses key " + strconv.Itoa(index+1) + " of subscription_keys; the next attempt uses key " +
					strconv.Itoa(k.next+1) + " (put the regenerated key in its place)",
			}
		}
	}
	k.bad = [maxKeys]bool{}
	message := "the gateway of ArqGED refuses the key in subscription_keys: set the one that the developer portal shows (the password was not looked at)"
	if len(k.keys) > 1 {
		message = "the gateway of ArqGED refuses both keys in subscription_keys, one after the other: set those that the developer portal shows (the password was not looked at)"
	}
	return &credential.Fault{Reason: credential.ReasonRejected, Keys: keysOfGateway, Message: message}
}
