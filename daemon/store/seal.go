package store

import (
	"errors"
	"fmt"
	"os"
)

// Seal seals the state in dir with a key when an operator asks for it, and writes
// a new mark. It accepts a state that is not sealed, has an earlier format, or is
// older than its mark, and refuses one that does not open with the key. It
// returns the number of records. The daemon must not be running.
func Seal(dir string, key *[32]byte) (records int, err error) {
	if _, err := os.Stat(dir); err != nil {
		return 0, fmt.Errorf("seal the state: %w", err)
	}
	s, err := begin(dir, Options{Key: key})
	if err != nil {
		return 0, err
	}
	s.sealing = true
	defer func() { err = errors.Join(err, s.shut()) }()
	f, err := s.openFile()
	if err != nil {
		return 0, err
	}
	if f == nil {
		return 0, fmt.Errorf("seal the state: there is none in %s (the daemon begins a sealed one when it starts; a %s that is left over must be moved away first)", dir, markName)
	}
	defer f.Close()
	values, counter, err := s.contentOf(f)
	if err != nil {
		return 0, err
	}
	// A mark made with another key is ignored; the counter of ours continues.
	s.markAt, _ = s.readMark()
	s.markAt = max(s.markAt, counter)
	return len(values), s.create(values)
}

// contentOf returns all values of a state file, and its counter.
func (s *Store) contentOf(f *os.File) (values map[entry][]byte, counter uint64, err error) {
	found, err := s.recognise(f)
	if err != nil {
		return nil, 0, err
	}
	if old := found.legacy; old != nil {
		s.seed = old.seed
		return old.values, 0, nil
	}
	if _, err := s.check(found.log); err != nil {
		return nil, 0, err
	}
	values = map[entry][]byte{}
	err = found.log.newestOf(f, s.found, found.log.end.at, func(e rawEntry) error {
		values[entry{e.kind, string(e.name)}] = append([]byte{}, e.value...)
		return nil
	})
	if err != nil {
		return nil, 0, s.unusable(err)
	}
	return values, found.log.end.counter, nil
}
