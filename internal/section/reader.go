package section

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/vigented/vigente/internal/readfile"
)

// maxFile limits the size of a secret or a certificate.
const maxFile = 1 << 20

// Reader reads what sections refer to. It reads each file only once, so that all sections
// of one configuration see the same bytes. It is not safe for concurrent use.
type Reader struct {
	opt   ReaderOptions
	cache map[string]fetched
	files []string
	seen  map[string]readfile.Version

	mac    hash.Hash // for digests with one key, reused
	macKey []byte
	spare  [][]knownKey // of recycled rows
}

// ReaderOptions are the options of a Reader.
type ReaderOptions struct {
	// Getenv reads the environment. If it is nil, os.Getenv is used.
	Getenv func(string) string
	// ReadFile reads a whole secret or certificate. If it is nil, a regular file of at most
	// 1 MiB is read.
	ReadFile func(path string) ([]byte, error)
	// Bounded reads a regular file of at most limit bytes. If it is nil, readfile.Bounded is
	// used.
	Bounded func(path string, limit int64) ([]byte, readfile.Version, error)
	// CredentialsMissingOK leaves { credential = … } references unread if
	// $CREDENTIALS_DIRECTORY is not set, for a check outside the unit.
	CredentialsMissingOK bool
}

type fetched struct {
	data []byte
	err  error
}

// NewReader returns a reader that has not read anything.
func NewReader(opt ReaderOptions) *Reader {
	if opt.Getenv == nil {
		opt.Getenv = os.Getenv
	}
	if opt.Bounded == nil {
		opt.Bounded = readfile.Bounded
	}
	return &Reader{opt: opt, cache: map[string]fetched{}, seen: map[string]readfile.Version{}}
}

// macOf returns the hash for digests with a key.
func (r *Reader) macOf(key []byte) hash.Hash {
	if r.mac == nil || !bytes.Equal(r.macKey, key) {
		r.mac, r.macKey = hmac.New(sha256.New, key), key
	}
	r.mac.Reset()
	return r.mac
}

// Files returns the absolute paths of all files asked for so far, in order, including those
// that could not be read.
func (r *Reader) Files() []string { return append([]string(nil), r.files...) }

// Versions returns the version of each file that was asked for, by path. The version of a
// file that could not be read is zero. A watcher that starts from these versions misses no
// later change, not even one made while other files were read.
func (r *Reader) Versions() map[string]readfile.Version { return maps.Clone(r.seen) }

// Forget drops the contents of the files.
func (r *Reader) Forget() {
	clear(r.cache)
	r.spare = nil
}

// Read reads a file of at most limit bytes, even if it was read before, and keeps its
// version. It does not use the ReadFile option, and Files does not list the file.
func (r *Reader) Read(path string, limit int64) ([]byte, error) {
	data, version, err := r.opt.Bounded(path, limit)
	r.seen[path] = version
	return data, err
}

func (r *Reader) file(path string) ([]byte, error) {
	got, ok := r.cache[path]
	if !ok {
		got.data, got.err = r.fetch(path)
		r.cache[path] = got
		r.files = append(r.files, path)
	}
	return got.data, got.err
}

// fetch reads a secret or a certificate and keeps its version.
func (r *Reader) fetch(path string) ([]byte, error) {
	if r.opt.ReadFile == nil {
		return r.Read(path, maxFile)
	}
	data, err := r.opt.ReadFile(path)
	r.seen[path] = readfile.Version{}
	if err == nil {
		r.seen[path] = readfile.VersionOf(data)
	}
	return data, err
}

// unreadable says why a file could not be read and how to fix that.
func unreadable(path string, err error) string {
	name := strconv.Quote(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("file %s does not exist (expected a readable file: create it or correct the path)", name)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("file %s may not be read by uid %d (expected a readable file: change its owner, group or mode, or hand it over with { credential = \"…\" })", name, os.Geteuid())
	case errors.Is(err, syscall.EISDIR):
		return fmt.Sprintf("%s is a folder (expected a file)", name)
	case errors.Is(err, readfile.ErrTooLarge):
		return fmt.Sprintf("file %s is larger than 1 MiB (expected a file of at most 1 MiB)", name)
	case errors.Is(err, readfile.ErrNotRegular):
		return fmt.Sprintf("%s is a device, a pipe or a socket (expected a regular file)", name)
	}
	cause := err
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		cause = pe.Err
	}
	return fmt.Sprintf("file %s: %v (expected a readable file)", name, cause)
}

// credentialPath returns the file of a systemd credential, or the empty string if there is
// no credentials directory.
func (r *Reader) credentialPath(name string) string {
	dir := r.opt.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}
