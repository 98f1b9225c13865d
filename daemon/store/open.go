package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	bolt "go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// Values of the meta bucket.
var (
	metaFormat = entry{metaBucket, "format"}
	metaSeed   = entry{metaBucket, "seed"}
	metaCheck  = entry{metaBucket, "check"} // there when the state is sealed
)

// checkText is what metaCheck seals.
const checkText = "vigente"

// takeLock keeps other processes out of the directory. Its content, the
// process that holds it, is for people.
func takeLock(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockName)
	lock, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state directory: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		holder, _ := io.ReadAll(io.LimitReader(lock, 32))
		_ = lock.Close()
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock state directory %s: %w", dir, err)
		}
		who := "another vigente"
		if pid := strings.TrimSpace(string(holder)); pid != "" {
			who += " (pid " + pid + ")"
		}
		return nil, fmt.Errorf("state directory %s is in use by %s: stop that one first, or give this one another daemon.state_dir", dir, who)
	}
	// The lock is what counts; a full disk must not keep the daemon from it.
	if lock.Truncate(0) == nil {
		_, _ = lock.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return lock, nil
}

// create makes a new state under another name first, so that a crash leaves
// none or a whole one.
func create(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("make state: %w", err)
	}
	if err := fill(fresh); err != nil {
		return errors.Join(fmt.Errorf("make state: %w", err), os.Remove(fresh))
	}
	if err := os.Rename(fresh, path); err != nil {
		return fmt.Errorf("make state: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("make state: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func fill(path string) error {
	seed, err := newSeed()
	if err != nil {
		return err
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{Timeout: 1, NoFreelistSync: true})
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bolt.Tx) error {
		b, err := tx.CreateBucket([]byte(metaBucket))
		if err != nil {
			return err
		}
		framed, err := (*sealer)(nil).close(metaSeed, seed)
		return errors.Join(err, b.Put([]byte(metaFormat.name), []byte(strconv.Itoa(format))), b.Put([]byte(metaSeed.name), framed))
	})
	return errors.Join(err, db.Close())
}

// precheck refuses what is no whole file of ours before bbolt maps it.
func precheck(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return unusable(path, err)
	}
	if !info.Mode().IsRegular() {
		return corrupt(path, errors.New("it is no regular file"))
	}
	if err := checkPages(path); err != nil {
		return unusable(path, err)
	}
	return nil
}

// readAll reads everything into memory: it is small, and after a commit that
// failed it is what the daemon believes in.
func readAll(db *bolt.DB) (map[entry][]byte, error) {
	content := map[entry][]byte{}
	err := db.View(func(tx *bolt.Tx) error {
		return tx.ForEach(func(bucket []byte, b *bolt.Bucket) error {
			return b.ForEach(func(k, v []byte) error {
				content[entry{string(bucket), string(k)}] = bytes.Clone(v)
				return nil
			})
		})
	})
	return content, err
}

// unlock checks that the content is ours and that the key fits, and seals a
// state that was kept in clear so far.
func (s *Store) unlock(path string, key *[32]byte) error {
	version, err := strconv.Atoi(string(s.content[metaFormat]))
	seed, seedErr := (*sealer)(nil).open(metaSeed, s.content[metaSeed])
	switch {
	case err != nil || seedErr != nil || len(seed) != len(s.seed):
		return corrupt(path, errForeign)
	case version > format:
		return fmt.Errorf("open state %s: it was written by a newer vigente (format %d, this one knows %d): install that version again", path, version, format)
	}
	copy(s.seed[:], seed)
	if s.seal, err = newSealer(key); err != nil {
		return fmt.Errorf("use daemon.state_key: %w", err)
	}
	check, sealed := s.content[metaCheck]
	switch {
	case sealed && key == nil:
		return fmt.Errorf("open state %s: it is sealed, and daemon.state_key is not set: set it to the key it was sealed with", path)
	case sealed:
		if text, err := s.seal.open(metaCheck, check); err != nil || string(text) != checkText {
			return fmt.Errorf("open state %s: daemon.state_key is not the key it was sealed with: give that key, or move the file away to begin afresh: every credential is then renewed", path)
		}
	case key != nil:
		return s.sealAll()
	}
	return nil
}

// sealAll seals a state that was in clear, in one transaction.
func (s *Store) sealAll() error {
	sealed := map[entry][]byte{metaFormat: s.content[metaFormat], metaSeed: s.content[metaSeed]}
	plain := map[entry][]byte{metaCheck: []byte(checkText)}
	for e, value := range s.content {
		if e.bucket == metaBucket {
			continue
		}
		text, err := (*sealer)(nil).open(e, value)
		if err != nil {
			return corrupt(filepath.Join(s.dir, fileName), fmt.Errorf("%s %s: %w", e.bucket, e.name, err))
		}
		plain[e] = text
	}
	for e, text := range plain {
		value, err := s.seal.close(e, text)
		if err != nil {
			return fmt.Errorf("seal state: %w", err)
		}
		sealed[e] = value
	}
	s.content, s.doubt = sealed, true
	return s.submit(context.Background(), metaFormat, &write{s.content[metaFormat]})
}
