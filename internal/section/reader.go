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

// maxFile bounds a secret and a certificate.
const maxFile = 1 << 20

// Reader fetches what sections refer to. Each file is read once in its life,
// so that all sections of one configuration see the same bytes. It is used by
// one goroutine at a time.
type Reader struct {
	opt   ReaderOptions
	cache map[string]fetched
	files []string
	seen  map[string]readfile.Version

	mac    hash.Hash // of the digests, made once for one key
	macKey []byte
	spare  [][]knownKey // of rows that were read for good
}

// ReaderOptions says where secrets come from.
type ReaderOptions struct {
	// Getenv looks up the environment; os.Getenv when nil.
	Getenv func(string) string
	// ReadFile reads a secret or a certificate whole; when nil, a regular file
	// of at most 1 MiB is read.
	ReadFile func(path string) ([]byte, error)
	// Bounded reads a regular file of at most limit bytes; readfile.Bounded when
	// nil.
	Bounded func(path string, limit int64) ([]byte, readfile.Version, error)
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
	if opt.Bounded == nil {
		opt.Bounded = readfile.Bounded
	}
	return &Reader{opt: opt, cache: map[string]fetched{}, seen: map[string]readfile.Version{}}
}

// macOf returns what makes digests under a key.
func (r *Reader) macOf(key []byte) hash.Hash {
	if r.mac == nil || !bytes.Equal(r.macKey, key) {
		r.mac, r.macKey = hmac.New(sha256.New, key), key
	}
	r.mac.Reset()
	return r.mac
}

// Files returns the absolute paths of all files asked for so far, in that
// order; those that could not be read are among them.
func (r *Reader) Files() []string { return append([]string(nil), r.files...) }

// Versions returns what each file held that was asked for, by its path; the
// zero version for one that could not be read. A watcher that begins with these
// misses no change that came since, not even one that came while other files
// were read.
func (r *Reader) Versions() map[string]readfile.Version { return maps.Clone(r.seen) }

// Forget lets go of the contents that were read.
func (r *Reader) Forget() {
	clear(r.cache)
	r.spare = nil
}

// Read reads a file of at most limit bytes anew, in place of the override for
// secrets, and keeps its version. Files does not list it.
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

// credentialPath returns the file of a systemd credential, or the empty string
// when there is no credentials directory.
func (r *Reader) credentialPath(name string) string {
	dir := r.opt.Getenv("CREDENTIALS_DIRECTORY")
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, name)
}
