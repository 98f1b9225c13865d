package section

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// maxFile bounds a secret and a certificate.
const maxFile = 1 << 20

// Reader fetches what sections refer to. Each file is read once in its life,
// so that all sections of one configuration see the same bytes. It is used by
// one goroutine at a time.
type Reader struct {
	opt   ReaderOptions
	cache map[string]fetched
	files []string
}

// ReaderOptions says where secrets come from.
type ReaderOptions struct {
	// Getenv looks up the environment; os.Getenv when nil.
	Getenv func(string) string
	// ReadFile reads a file whole; ReadBounded with 1 MiB when nil.
	ReadFile func(path string) ([]byte, error)
	// CredentialsMissingOK leaves a { credential = … } reference unread when
	// $CREDENTIALS_DIRECTORY is not set: a check outside the unit.
	CredentialsMissingOK bool
}

type fetched struct {
	data []byte
	err  error
}

// NewReader returns a reader that has read nothing yet.
func NewReader(opt ReaderOptions) *Reader {
	if opt.Getenv == nil {
		opt.Getenv = os.Getenv
	}
	if opt.ReadFile == nil {
		opt.ReadFile = func(path string) ([]byte, error) { return ReadBounded(path, maxFile) }
	}
	return &Reader{opt: opt, cache: map[string]fetched{}}
}

// Files returns the absolute paths of all files asked for so far, in that
// order; those that could not be read are among them.
func (r *Reader) Files() []string { return append([]string(nil), r.files...) }

func (r *Reader) file(path string) ([]byte, error) {
	got, ok := r.cache[path]
	if !ok {
		got.data, got.err = r.opt.ReadFile(path)
		r.cache[path] = got
		r.files = append(r.files, path)
	}
	return got.data, got.err
}

var (
	errTooLarge   = errors.New("is too large")
	errNotRegular = errors.New("is not a regular file")
)

// ReadBounded reads a regular file of at most limit bytes. It never waits: a
// named pipe is refused like any other thing that is no file.
func ReadBounded(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, errTooLarge
	}
	return data, nil
}

// unreadable says in our own words why a file could not be read, with the
// cure.
func unreadable(path string, err error) string {
	name := strconv.Quote(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("file %s does not exist (expected a readable file: create it or correct the path)", name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("file %s may not be read by uid %d (expected a readable file: change its owner, group or mode, or hand it over with { credential = \"…\" })", name, os.Geteuid())
	case errors.Is(err, syscall.EISDIR):
		return fmt.Sprintf("%s is a folder (expected a file)", name)
	case errors.Is(err, errTooLarge):
		return fmt.Sprintf("file %s is larger than 1 MiB (expected a file of at most 1 MiB)", name)
	case errors.Is(err, errNotRegular):
		return fmt.Sprintf("%s is a device, a pipe or a socket (expected a regular file)", name)
	}
	cause := err
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		cause = pe.Err
	}
	return fmt.Sprintf("file %s: %v (expected a readable file)", name, cause)
}

// credentialPath returns the file of a systemd credential, or the empty string
// when there is no credentials directory.
func (r *Reader) credentialPath(name string) string {
	dir := r.opt.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}
