package daemon

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// listenFault says why nothing can be served at the address, and what to do.
func listenFault(address string, err error) error {
	cure := "choose another daemon.listen"
	_, unknown := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		cure = "another program has this port: stop it, or " + cure
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		cure = "this machine does not have the address: write one that it has, 0.0.0.0 for all"
	case errors.Is(err, syscall.EACCES):
		cure = "ports below 1024 are for root: choose a higher one"
	case unknown:
		cure = "write the address itself"
	}
	return fmt.Errorf("listen on %s (daemon.listen): %w (%s)", address, reasonOf(err), cure)
}
