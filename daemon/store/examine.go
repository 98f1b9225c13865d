package store

import "errors"

// Examine returns the error with which Open would refuse or set aside the state
// in dir. It changes nothing, may run while another process holds the state, and
// returns nil for a state that does not exist yet.
func Examine(dir string, opt Options) error {
	s := &Store{dir: dir, key: opt.Key}
	// Read the mark first: it is written after the state, so the state is never
	// behind it.
	var unmarked error
	if s.key != nil {
		s.markAt, unmarked = s.readMark()
	}
	f, marked, err := s.openBesideMark()
	if err != nil || f == nil {
		return err
	}
	found, err := s.judge(f, marked)
	switch {
	case err != nil:
	case found.legacy != nil && marked:
		err = s.refuse(s.path(), ofAnEarlierFormat)
	case found.log != nil:
		if _, err = s.check(found.log); err == nil && unmarked != nil {
			err = s.refuse(s.markPath(), unmarked.Error())
		}
		if err == nil {
			err = s.reaches(found.log)
		}
	}
	return errors.Join(err, f.Close())
}
