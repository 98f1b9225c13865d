package cluster

import (
	"encoding/binary"
	"os"
	"sync"
	"time"
)

// relay carries the packets between all hosts, each direction between two of
// them by its own rule.
type relay struct {
	ports [hosts + 1]*os.File
	mu    sync.Mutex
	rules [hosts + 1][hosts + 1]rule
	lines [hosts + 1][hosts + 1]chan packet
}

// rule is what happens to the packets of one direction.
type rule struct {
	lost  bool
	delay time.Duration
	// known are the connections seen so far; those in swallowed are lost, as by a
	// firewall that has forgotten them.
	known, swallowed map[connection]bool
}

// connection is one TCP connection, seen from the sender.
type connection struct{ from, to uint16 }

type packet struct {
	data []byte
	due  time.Time
}

// line is how many packets may be on their way in one direction. More are
// lost, as on a real line.
const line = 4096

func newRelay(ports [hosts + 1]*os.File) *relay {
	r := &relay{ports: ports}
	for from := range ports {
		for to := range ports {
			r.rules[from][to] = rule{known: map[connection]bool{}, swallowed: map[connection]bool{}}
			r.lines[from][to] = make(chan packet, line)
			go r.deliver(r.lines[from][to], ports[to])
		}
		go r.read(from)
	}
	return r
}

// read takes packets from a host until its interface is gone.
func (r *relay) read(from int) {
	defer func() {
		for _, out := range r.lines[from] {
			close(out)
		}
	}()
	buffer := make([]byte, mtu)
	for {
		n, err := r.ports[from].Read(buffer)
		if err != nil {
			return
		}
		r.accept(from, append([]byte{}, buffer[:n]...))
	}
}

const (
	ipHeader    = 20
	tcpHeader   = 20
	tcpProtocol = 6
	synFlag     = 2
)

// accept puts a packet on the line to its host, unless it is to be lost.
func (r *relay) accept(from int, data []byte) {
	if len(data) < ipHeader || data[0]>>4 != 4 {
		return // IPv6 announces itself unasked
	}
	to := int(data[19]) - 1 // the last byte of the address is the place
	if to < 0 || to > hosts {
		return
	}
	r.mu.Lock()
	rule := r.rules[from][to]
	c, opens, isTCP := connectionOf(data)
	if opens {
		delete(rule.swallowed, c)
	}
	lost := rule.lost || isTCP && rule.swallowed[c]
	if isTCP {
		rule.known[c] = true
	}
	r.mu.Unlock()
	if lost {
		return
	}
	select {
	case r.lines[from][to] <- packet{data, time.Now().Add(rule.delay)}:
	default:
	}
}

// connectionOf returns the connection of a packet, and whether the packet opens
// it.
func connectionOf(data []byte) (c connection, opens, ok bool) {
	header := int(data[0]&0xf) * 4
	if data[9] != tcpProtocol || len(data) < header+tcpHeader {
		return c, false, false
	}
	return connection{binary.BigEndian.Uint16(data[header:]), binary.BigEndian.Uint16(data[header+2:])}, data[header+13]&synFlag != 0, true
}

// deliver hands packets over in their order, each when it is due.
func (*relay) deliver(packets <-chan packet, port *os.File) {
	for p := range packets {
		if wait := time.Until(p.due); wait > 0 {
			<-time.After(wait)
		}
		_, _ = port.Write(p.data)
	}
}

func (r *relay) change(from, to int, do func(*rule)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	do(&r.rules[from][to])
}

// cut loses all packets from one host to another. The other direction stays
// open.
func (r *relay) cut(from, to int) { r.change(from, to, func(one *rule) { one.lost = true }) }

func (r *relay) heal(from, to int) {
	r.change(from, to, func(one *rule) { one.lost, one.delay = false, 0 })
}

// slow delays all packets from one host to another.
func (r *relay) slow(from, to int, delay time.Duration) {
	r.change(from, to, func(one *rule) { one.delay = delay })
}

// forget loses the packets of all connections between two hosts that are open
// now, while new ones can be made: neither end is told.
func (r *relay) forget(one, other int) (connections int) {
	for _, way := range [][2]int{{one, other}, {other, one}} {
		r.change(way[0], way[1], func(one *rule) {
			for c := range one.known {
				one.swallowed[c] = true
			}
			connections += len(one.known)
			one.known = map[connection]bool{}
		})
	}
	return connections
}
