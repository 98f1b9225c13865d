package control

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

const (
	socketMode = 0o660
	folderMode = 0o755
	lockMode   = 0o600
	// dialTimeout limits the check whether something listens on a socket.
	dialTimeout = 5 * time.Second
	// maxPath is the longest path of a unix socket address.
	maxPath = 107
	// openPath is O_PATH of open(2).
	openPath = 0x200000
)

// Listen creates the socket at path, and its folder if necessary, and listens. The
// socket is never more open than its mode, whatever the umask. It replaces the socket
// of a dead daemon, but refuses if something listens there or the path is another
// kind of file.
func Listen(path string) (net.Listener, error) {
	dir, name := filepath.Split(path)
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, fmt.Errorf("create the folder of the control socket: %w (let the daemon's user write to its parent, or set another daemon.control_socket)", err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of the control socket: %w", err)
	}
	s := &socket{path: path, name: name, root: root}
	if err := s.open(); err != nil {
		_ = s.release()
		return nil, fmt.Errorf("listen on the control socket %s: %w", path, err)
	}
	return s, nil
}

// socket is the listener. It holds a lock next to the file, so that only one of two
// daemons started together succeeds.
type socket struct {
	net.Listener
	path, name string
	root       *os.Root
	lock       *os.File
}

func (s *socket) open() (err error) {
	s.lock, err = s.root.OpenFile(s.name+".lock", os.O_CREATE|os.O_RDWR, lockMode)
	if err != nil {
		return fmt.Errorf("open its lock: %w (the daemon's user must be able to write to the folder)", err)
	}
	if err := syscall.Flock(int(s.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return errInUse
	}
	if err := s.clear(); err != nil {
		return err
	}
	return s.bind()
}

var errInUse = errors.New("another daemon listens there already; stop it, or set another daemon.control_socket")

// clear removes the socket of a dead daemon, and refuses any other kind of file.
func (s *socket) clear() error {
	info, err := s.root.Lstat(s.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return errors.New("the file there is not a socket; move it away, or set another daemon.control_socket")
	}
	conn, err := dial(s.path)
	switch {
	case err == nil:
		_ = conn.Close()
		return errInUse
	case errors.Is(err, syscall.ECONNREFUSED):
		return s.root.Remove(s.name)
	}
	return fmt.Errorf("check whether a daemon listens there: %w", err)
}

// bind creates the file. The kernel gives it the mode of the unbound socket minus
// the umask, so it is never too open; bind then restores the bits that the umask
// removed.
func (s *socket) bind() error {
	address, done, err := shortAddress(s.path)
	if err != nil {
		return err
	}
	defer done()
	var chmod error
	narrow := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		if err := raw.Control(func(fd uintptr) { chmod = syscall.Fchmod(int(fd), socketMode) }); err != nil {
			return err
		}
		return chmod
	}}
	s.Listener, err = narrow.Listen(context.Background(), "unix", address)
	if errors.Is(err, syscall.EINVAL) && len(address) > maxPath {
		return fmt.Errorf("its name has %d characters, more than a socket name may have (set a shorter daemon.control_socket)", len(s.name))
	}
	if err != nil {
		return err
	}
	if unix, ok := s.Listener.(*net.UnixListener); ok {
		unix.SetUnlinkOnClose(false) // its name may refer to a handle that is closed by then
	}
	return s.root.Chmod(s.name, socketMode)
}

// Addr returns the path of the socket.
func (s *socket) Addr() net.Addr { return &net.UnixAddr{Name: s.path, Net: "unix"} }

// Close stops listening and removes the socket.
func (s *socket) Close() error {
	_ = s.root.Remove(s.name) // the lock guarantees that it is ours
	return s.release()
}

// release releases everything except the file.
func (s *socket) release() error {
	var err error
	if s.Listener != nil {
		err = s.Listener.Close()
	}
	if s.lock != nil {
		_ = s.lock.Close()
	}
	_ = s.root.Close()
	return err
}

// shortAddress returns a name of path that fits into a socket address. A long path
// is named through a handle of its folder, which done closes.
func shortAddress(path string) (address string, done func(), err error) {
	if len(path) <= maxPath {
		return path, func() {}, nil
	}
	dir, err := os.OpenFile(filepath.Dir(path), openPath|syscall.O_DIRECTORY, 0)
	if err != nil {
		return "", nil, err
	}
	return "/proc/self/fd/" + strconv.Itoa(int(dir.Fd())) + "/" + filepath.Base(path), func() { _ = dir.Close() }, nil
}

// dial connects to the socket at path.
func dial(path string) (net.Conn, error) {
	address, done, err := shortAddress(path)
	if err != nil {
		return nil, err
	}
	defer done()
	return net.DialTimeout("unix", address, dialTimeout)
}
