package cluster

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/needs"
)

// network gives each host a network namespace, and an address to the test
// itself. All packets pass through the test, which delivers, delays or loses
// them.
type network struct {
	t     *testing.T
	mark  string
	ports [hosts + 1]*os.File // the last one is that of the test
	*relay
}

const hosts = 3

// mtu is that of all interfaces.
const mtu = 9000

func newNetwork(t *testing.T) *network {
	needs.Root(t)
	for _, tool := range []string{"ip", "nsenter", "etcd"} {
		needs.Tool(t, tool)
	}
	n := &network{t: t, mark: fmt.Sprintf("%x", os.Getpid()&0xffff)}
	if out, err := exec.Command("ip", "netns", "add", n.space(0)).CombinedOutput(); err != nil {
		t.Skipf("LEFT OUT: this machine does not allow network namespaces: %s", out)
	}
	t.Cleanup(func() {
		for i := range hosts {
			_ = exec.Command("ip", "netns", "del", n.space(i)).Run()
		}
	})
	for i := range n.ports {
		device := fmt.Sprintf("vg%d%s", i, n.mark)
		port, err := openPort(device)
		if err != nil {
			t.Skipf("LEFT OUT: this machine does not allow virtual network interfaces: %v", err)
		}
		n.ports[i] = port
		t.Cleanup(func() { _ = port.Close() })
		if i == hosts {
			n.ip("addr add %s/24 dev %s", n.address(i), device)
			n.ip("link set %s mtu %d up", device, mtu)
			continue
		}
		if i > 0 {
			n.ip("netns add %s", n.space(i))
		}
		n.ip("link set %s netns %s name eth0", device, n.space(i))
		n.ip("-n %s link set lo up", n.space(i))
		n.ip("-n %s addr add %s/24 dev eth0", n.space(i), n.address(i))
		n.ip("-n %s link set eth0 mtu %d up", n.space(i), mtu)
	}
	n.relay = newRelay(n.ports)
	return n
}

// openPort creates a virtual network interface. What the kernel sends through
// it is read from the file, and what is written to the file arrives there.
func openPort(device string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	request, err := unix.NewIfreq(device)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), device), nil
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
