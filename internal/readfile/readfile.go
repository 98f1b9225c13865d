// Package readfile reads whole regular files and identifies the version that
// was read, so that a watcher notices a change made during the read.
//
// It never waits for another program: a named pipe is refused.
package readfile

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"
)

// Reasons not to read a file, in addition to the system's errors.
var (
	ErrTooLarge   = errors.New("is too large")
	ErrNotRegular = errors.New("is not a regular file")
)

// Identity distinguishes two versions of a file without reading them.
type Identity struct {
	Device, Inode     uint64
	Size              int64
	Modified, Changed int64 // nanoseconds
}

// believed is how old a change must be for an identity to identify the bytes:
// two changes within one tick of the kernel's clock have the same identity.
const believed = time.Second

// Believed reports whether a file that had this identity at the given time, and
// still has it, still contains the same bytes.
func (id Identity) Believed(at time.Time) bool { return at.Sub(time.Unix(0, id.Changed)) > believed }

// Mark returns the identity as eight bytes, or zero if it does not identify the
// bytes.
func (id Identity) Mark(at time.Time) uint64 {
	if !id.Believed(at) {
		return 0
	}
	h := fnv.New64a()
	for _, word := range []uint64{id.Device, id.Inode, uint64(id.Size), uint64(id.Modified), uint64(id.Changed)} { //nolint:gosec // only compared
		_, _ = h.Write(binary.LittleEndian.AppendUint64(nil, word))
	}
	return max(1, h.Sum64())
}

// Version identifies what was read. The zero value means the file could not be
// read.
type Version struct {
	// Identity was taken from the open descriptor before the first byte was
	// read. If the file changes during the read, its current identity differs.
	Identity Identity
	// Sum is the SHA-256 of the bytes.
	Sum [sha256.Size]byte
	// Read is true if the file was read.
	Read bool
}

// VersionOf returns the version of bytes that do not come from a file.
func VersionOf(data []byte) Version { return Version{Sum: sha256.Sum256(data), Read: true} }

// Bounded reads a regular file of at most limit bytes.
func Bounded(path string, limit int64) ([]byte, Version, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, Version{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, Version{}, err
	}
	if info.IsDir() {
		return nil, Version{}, &fs.PathError{Op: "read", Path: path, Err: syscall.EISDIR}
	}
	if !info.Mode().IsRegular() {
		return nil, Version{}, ErrNotRegular
	}
	data, err := readAll(f, info.Size(), limit)
	if err != nil {
		return nil, Version{}, err
	}
	v := VersionOf(data)
	v.Identity = IdentityOf(info)
	return data, v, nil
}

// readAll reads f into a buffer of its current size, so a small file needs only
// a small buffer.
func readAll(f io.Reader, size, limit int64) ([]byte, error) {
	if size > limit {
		return nil, ErrTooLarge
	}
	data := make([]byte, 0, size+1)
	for {
		n, err := f.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			return nil, ErrTooLarge
		case errors.Is(err, io.EOF):
			return data, nil
		case err != nil:
			return nil, err
		}
		if len(data) == cap(data) {
			data = append(data, 0)[:len(data)]
		}
	}
}

// Look returns the identity of the file at path, following links.
func Look(path string) (Identity, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Identity{}, err
	}
	return IdentityOf(info), nil
}

// IdentityOf returns the identity of a file from its stat.
func IdentityOf(info fs.FileInfo) Identity {
	id := Identity{Size: info.Size(), Modified: info.ModTime().UnixNano()}
	if sys, ok := info.Sys().(*syscall.Stat_t); ok {
		id.Device, id.Inode, id.Changed = uint64(sys.Dev), uint64(sys.Ino), sys.Ctim.Nano() //nolint:unconvert // other widths on other architectures
	}
	return id
}
