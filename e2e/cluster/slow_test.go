package cluster

import "time"

// pairs are all pairs of hosts, and of a host and the backend.
var pairs = [][2]int{{0, 1}, {0, 2}, {1, 2}, {0, hosts}, {1, hosts}, {2, hosts}}

// handshakes is how many delays a request may take, on a connection of its own: two ways
// for TCP, two for TLS, and its own.
const handshakes = 5

// slowly delays all packets between the hosts of some pairs, and heals them.
func (b *box) slowly(delay, during time.Duration, pairs ...[2]int) {
	b.judge.travels(handshakes * delay)
	defer b.judge.travels(0)
	b.busy(func() {
		for _, p := range pairs {
			b.net.slow(p[0], p[1], delay)
			b.net.slow(p[1], p[0], delay)
		}
		pause(b.t.Context(), during)
	})
	for _, p := range pairs {
		b.net.heal(p[0], p[1])
		b.net.heal(p[1], p[0])
	}
	b.settled("a delay of " + delay.String())
}

// slowPairs delays within and beyond what a request to etcd or the backend may
// take.
func slowPairs(b *box) {
	for _, p := range pairs {
		b.slowly(800*time.Millisecond, 8*time.Second, p)
	}
	for _, p := range pairs {
		b.slowly(2700*time.Millisecond, 12*time.Second, p)
	}
	b.slowly(300*time.Millisecond, 10*time.Second, pairs...)
	b.slowly(1500*time.Millisecond, 15*time.Second, pairs...)
}

// forgotten swallows the connections that are open between some pairs. New ones
// can be made at once, so nothing needs to heal.
func (b *box) forgotten(pairs ...[2]int) {
	b.busy(func() {
		open := 0
		for _, p := range pairs {
			open += b.net.forget(p[0], p[1])
		}
		if open == 0 {
			b.t.Error("no connection was open")
		}
		pause(b.t.Context(), 6*time.Second)
	})
	b.settled("half-open connections")
}

func halfOpen(b *box) { b.forgotten([2]int{0, 1}) }

func halfOpenPairs(b *box) {
	for _, p := range pairs {
		b.forgotten(p)
	}
	b.forgotten(pairs...)
}

// awayForMinutes: however long etcd was away, its return is noticed within 10 s.
func awayForMinutes(b *box) {
	for _, h := range b.hosts {
		h.killMember()
	}
	pause(b.t.Context(), 2*time.Minute)
	for _, h := range b.hosts {
		h.startMember(0)
	}
	b.eventually("etcd answers", b.reached)
	begun := time.Now()
	b.settled("an absence of two minutes")
	if took := time.Since(begun); took > 10*time.Second {
		b.t.Errorf("noticed %s after etcd was back, want 10s", took.Round(time.Millisecond))
	}
}
