package daemon

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestListenFaultSaysWhatToDo(t *testing.T) {
	system := func(errno syscall.Errno) error {
		return &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", errno)}
	}
	for _, c := range []struct {
		err  error
		want string
	}{
		{system(syscall.EADDRINUSE), "address already in use (another program has this port: "},
		{system(syscall.EADDRNOTAVAIL), "(this machine does not have the address: "},
		{system(syscall.EACCES), "permission denied (ports below 1024 are for root: "},
		{&net.OpError{Op: "listen", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "x.invalid"}}, "(write the address itself)"},
		{errors.New("odd"), "odd (choose another daemon.listen)"},
	} {
		got := listenFault("h:1", c.err)
		if !strings.HasPrefix(got.Error(), "listen on h:1 (daemon.listen): ") || !strings.HasSuffix(got.Error(), ")") || !strings.Contains(got.Error(), c.want) {
			t.Errorf("%q, want %q in it", got, c.want)
		}
	}
}
