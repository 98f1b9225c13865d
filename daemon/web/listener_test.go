package web

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
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
		{system(syscall.EACCES), "permission denied (ports below 1024 need root: "},
		{&net.OpError{Op: "listen", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "x.invalid"}}, "(set an IP address instead of a name)"},
		{errors.New("odd"), "odd (set another daemon.listen)"},
	} {
		got := listenFault("h:1", c.err)
		if !strings.HasPrefix(got.Error(), "listen on h:1 (daemon.listen): ") || !strings.HasSuffix(got.Error(), ")") || !strings.Contains(got.Error(), c.want) {
			t.Errorf("%q, want %q in it", got, c.want)
		}
	}
}

// TestListenerIsTriedAgain takes the port first, as another program would.
func TestListenerIsTriedAgain(t *testing.T) {
	taken := listen(t)
	core, logs := observer.New(zap.InfoLevel)
	served := func(Listening) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "page") })
	}
	l := NewListener(served, zap.New(core))
	defer l.Close()
	l.Serve(t.Context(), Listening{Address: taken.Addr().String()})
	if l.Address() != "" || !strings.Contains(l.Problem(), "another program has this port") {
		t.Fatalf("served at %q, problem %q", l.Address(), l.Problem())
	}
	l.tryAgain(t.Context())
	if n := logs.FilterMessage("http listener failed").Len(); n != 1 {
		t.Errorf("the same problem is logged %d times, want once", n)
	}
	_ = taken.Close()
	l.tryAgain(t.Context())
	if l.Address() != taken.Addr().String() || l.Problem() != "" {
		t.Fatalf("served at %q, problem %q", l.Address(), l.Problem())
	}
	res, err := http.Get("http://" + l.Address())
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if logs.FilterMessage("http listener recovered").Len() != 1 {
		t.Errorf("the recovery is not logged: %v", logs.All())
	}
	l.Serve(t.Context(), Listening{})
	if l.Address() != "" || l.Problem() != "" {
		t.Errorf("switched off, it is served at %q, problem %q", l.Address(), l.Problem())
	}
}
