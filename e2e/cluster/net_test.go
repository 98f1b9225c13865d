package cluster

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/needs"
)

// network is a switch with a network namespace for each machine, and an address
// for the test itself. One direction between two of them is cut by a neighbour
// entry with a MAC address that does not exist: packets are lost without an
// error.
type network struct {
	t    *testing.T
	mark string
	name string // of the switch
}

const hosts = 3

func newNetwork(t *testing.T) *network {
	needs.Root(t)
	for _, tool := range []string{"ip", "nsenter", "etcd"} {
		needs.Tool(t, tool)
	}
	mark := fmt.Sprintf("%x", os.Getpid()&0xffff)
	n := &network{t, mark, "vgs" + mark}
	if out, err := exec.Command("ip", "netns", "add", n.space(0)).CombinedOutput(); err != nil {
		t.Skipf("LEFT OUT: this machine does not allow network namespaces: %s", out)
	}
	t.Cleanup(func() {
		for i := range hosts {
			_ = exec.Command("ip", "netns", "del", n.space(i)).Run()
		}
		_ = exec.Command("ip", "link", "del", n.name).Run()
	})
	n.ip("link add %s type bridge", n.name)
	n.ip("addr add %s/24 dev %s", n.address(hosts), n.name)
	n.ip("link set %s up", n.name)
	for i := range hosts {
		if i > 0 {
			n.ip("netns add %s", n.space(i))
		}
		outside := fmt.Sprintf("vg%d%s", i, mark)
		n.ip("link add %s type veth peer name eth0 netns %s", outside, n.space(i))
		n.ip("link set %s master %s up", outside, n.name)
		n.ip("-n %s link set lo up", n.space(i))
		n.ip("-n %s addr add %s/24 dev eth0", n.space(i), n.address(i))
		n.ip("-n %s link set eth0 up", n.space(i))
	}
	return n
}

func (n *network) ip(format string, args ...any) {
	n.t.Helper()
	line := fmt.Sprintf(format, args...)
	if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
		n.t.Fatalf("ip %s: %v: %s", line, err, out)
	}
}

func (n *network) space(i int) string { return fmt.Sprintf("vg%s-%d", n.mark, i) }

// address returns the address of a host, or that of the test for the number of
// hosts.
func (n *network) address(i int) string { return fmt.Sprintf("10.213.%d.%d", os.Getpid()%250, i+1) }

// inside returns a command that runs on a host. The process is the program
// itself.
func (n *network) inside(i int, program string, args ...string) *exec.Cmd {
	return exec.Command("nsenter", append([]string{"--net=/run/netns/" + n.space(i), program}, args...)...)
}

// cut blocks packets from one host to another. The other direction stays open.
func (n *network) cut(from, to int) {
	n.t.Helper()
	n.ip("-n %s neigh replace %s lladdr 02:00:00:00:00:99 dev eth0 nud permanent", n.space(from), n.address(to))
}

func (n *network) heal(from, to int) {
	n.t.Helper()
	n.ip("-n %s neigh del %s dev eth0", n.space(from), n.address(to))
}

// both does something in both directions between a host and each of the others.
func (n *network) both(i int, do func(from, to int)) {
	for j := range hosts {
		if j != i {
			do(i, j)
			do(j, i)
		}
	}
}

// listen listens on an address that has just been created.
func listen(address string) (net.Listener, error) { return net.Listen("tcp", address+":0") }
