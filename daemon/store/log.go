package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/internal/failpoint"
)

// logFile is a state file open for appending. It is not safe for concurrent use.
type logFile struct {
	codec
	file *os.File
	info fs.FileInfo
	end  chain // of the durable part; later frames may be lost
	live int64 // bytes of the newest values when they were last counted
	open bool  // a frame was appended after the last frameEnd
	buf  []byte
}

// doubtError means fsync failed. The kernel then marks the pages as clean, so
// neither reading them back nor another fsync shows what the disk holds.
type doubtError struct{ error }

// Unwrap returns the cause.
func (e doubtError) Unwrap() error { return e.error }

// keptBuffer is the largest buffer kept for the next append.
const keptBuffer = 1 << 20

// append writes one frame and makes it durable. If the write fails, the partial
// frame is cut off and the durable part stays unchanged.
func (l *logFile) append(kind uint32, payload []byte) error {
	failpoint.Hit("store begun")
	next, err := l.write(l.end, kind, l.end.counter+1, payload)
	if err != nil {
		if cut := l.file.Truncate(l.end.at); cut != nil {
			return doubtError{errors.Join(err, cut)}
		}
		return err
	}
	failpoint.Hit("store filled")
	if err := l.sync(); err != nil {
		return doubtError{err}
	}
	failpoint.Hit("store committed")
	l.end = next
	return nil
}

func (l *logFile) write(before chain, kind uint32, counter uint64, payload []byte) (chain, error) {
	buf, next := l.codec.append(l.buf[:0], before, kind, counter, payload)
	if cap(buf) <= keptBuffer {
		l.buf = buf
	} else {
		l.buf = nil
	}
	if len(payload) > maxFrame-sealOverhead {
		return before, errors.New("too much to save at once")
	}
	l.open = kind != frameEnd
	_, err := l.file.WriteAt(buf, before.at)
	return next, err
}

// sync makes the written data and the size of the file durable.
func (l *logFile) sync() error {
	for {
		err := unix.Fdatasync(int(l.file.Fd()))
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// builder writes a new state file, which gets its final name once it is complete.
type builder struct {
	*logFile
	payload []byte
	path    string
}

// chunk is the size of a frame in a new file.
const chunk = 256 << 10

// build begins a new file. Its counter continues from that of the file it will
// replace.
func build(path string, key *[32]byte, seed [32]byte, counter uint64) (*builder, error) {
	if err := remove(path); err != nil {
		return nil, err
	}
	l := &logFile{codec: codec{header: header{format: format, sealed: key != nil}}}
	_, _ = rand.Read(l.header.salt[:]) // never fails
	if key != nil {
		var err error
		if l.header.check, err = keyCheck(key, l.header.salt[:]); err != nil {
			return nil, err
		}
		if l.box, err = newBox(key, l.header.salt[:]); err != nil {
			return nil, err
		}
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	l.file = file
	b := &builder{logFile: l, path: path}
	l.end = chain{at: firstFrame, counter: counter}
	if _, err := file.WriteAt(append(prelude(), l.header.encode()...), 0); err != nil {
		return nil, b.discard(err)
	}
	// The first frame of a file has no previous frame, whatever its counter.
	if l.end, err = l.write(l.end, frameSeed, counter+1, seed[:]); err != nil {
		return nil, b.discard(err)
	}
	return b, nil
}

// discard removes an incomplete file, and returns why.
func (b *builder) discard(why error) error {
	return errors.Join(why, b.file.Close(), remove(b.path))
}

// add adds one entry to the file.
func (b *builder) add(e entry, value []byte) error {
	before := len(b.payload)
	b.payload = appendEntry(b.payload, e, value)
	b.live += int64(len(b.payload) - before)
	return b.flush(chunk)
}

// flush writes the collected entries if they have at least that many bytes.
func (b *builder) flush(atLeast int) (err error) {
	if len(b.payload) < max(1, atLeast) {
		return nil
	}
	b.end, err = b.write(b.end, frameEntries, b.end.counter+1, b.payload)
	b.payload = b.payload[:0]
	return err
}

// finish makes the content of the file durable.
func (b *builder) finish() error {
	err := b.flush(0)
	if err == nil && b.open {
		b.end, err = b.write(b.end, frameEnd, b.end.counter+1, nil)
	}
	if err != nil {
		return err
	}
	return b.file.Sync()
}

// place renames the new file to path.
func (b *builder) place(path string) (*logFile, error) {
	failpoint.Hit("store rewrite built")
	info, err := b.file.Stat()
	if err == nil {
		err = os.Rename(b.path, path)
	}
	if err != nil {
		return nil, err
	}
	b.info = info
	failpoint.Hit("store rewrite placed")
	return b.logFile, nil
}

// room refuses to begin a file that will not fit: on a full disk each attempt
// would take the last free blocks from other programs.
func room(dir string, need int64) error {
	if have, known := free(dir); known && int64(have) < need {
		return fmt.Errorf("%w: %d KiB are needed, %d KiB are free", unix.ENOSPC, need>>10, have>>10)
	}
	return nil
}

// free returns how many bytes we can still write in the file system of a
// directory, if the file system reports it.
func free(dir string) (bytes uint64, known bool) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil || fs.Blocks == 0 {
		return 0, false
	}
	blocks := fs.Bavail
	if unix.Geteuid() == 0 {
		blocks = fs.Bfree
	}
	return blocks * uint64(fs.Bsize), true
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
