package cluster

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/providers/oauth2/emulator"
)

// scenario is one fault, from its start until everything has recovered.
type scenario struct {
	name string
	long bool // only if everything is requested
	play func(b *box)
}

var scenarios = []scenario{
	{"a restart", false, restart},
	{"a machine that is cut off", false, cutOff},
	{"a machine that hears and is not heard", true, oneWay},
	{"slow connections between every pair", true, slowPairs},
	{"half-open connections between every pair", true, halfOpenPairs},
	{"a half-open connection", false, halfOpen},
	{"an engine that is away for minutes", true, awayForMinutes},
	{"a leader that is killed", false, leaderKilled},
	{"a quorum that is lost", true, quorumLost},
	{"a machine that dies in its call", false, diesInItsCall},
	{"a machine that dies in its call and comes back", true, comesBackParked},
	{"a machine that stands still in its call", true, standsStill},
	{"a compaction under a watcher", true, compaction},
	{"a backup that is brought back", true, backupBroughtBack},
	{"a certificate that has ended", true, certificateEnded},
	{"another key on one machine", true, anotherKey},
	{"two configurations", true, twoConfigurations},
	{"commands that run one at a time", true, oneAtATime},
	{"a secret that is refused", true, secretRefused},
	{"a cool-down", true, coolDown},
	{"a rate", true, rateShared},
	{"the way back to one machine", false, leave},
}

// TestThreeMachines goes through faults with three etcd members and three
// daemons. No seed is used twice, no sink goes back to an older token, and in
// the end all machines hold the same value.
func TestThreeMachines(t *testing.T) {
	b := newBox(t, emulator.Settings{Lifetime: time.Hour}, 0)
	b.begin()
	wanted := os.Getenv("VIGENTE_CLUSTER") // 1 for all, or part of a name
	for _, s := range scenarios {
		if wanted == "" && s.long || wanted != "" && wanted != "1" && !strings.Contains(s.name, wanted) {
			continue
		}
		begun := time.Now()
		s.play(b)
		b.judge.unspent(t, s.name)
		t.Logf("%s: took %s", s.name, time.Since(begun).Round(time.Second))
		if t.Failed() {
			return // The rest would only repeat it.
		}
	}
	secrets := b.judge.seen()
	for _, h := range b.hosts {
		h.killMember()
		sealedFolder(t, h.Path("etcd"), secrets)
	}
}
