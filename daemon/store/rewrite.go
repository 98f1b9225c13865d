package store

// The file grows with every save. Once most of it is values that were replaced
// since, it is rewritten beside the saves, which go on meanwhile: the newest
// values first, then what was appended since, and only the last of that with
// the saves held up.

// slack is how much of replaced values is always allowed.
const slack = 8 << 20

// catchUp is how much may be left to copy when the saves are held up.
const catchUp = 256 << 10

// outgrown reports whether the file is worth rewriting. The caller holds the
// disk.
func (s *Store) outgrown() bool {
	return s.log.end.at > 2*s.log.live+s.slack && s.log.end.at > s.rewriteAfter
}

// rewriteLater starts the rewriting, if it is due. The caller holds the disk.
func (s *Store) rewriteLater() {
	if s.rewriting != nil || s.doubt || !s.outgrown() {
		return
	}
	done := make(chan struct{})
	s.rewriting = done
	s.stop.Store(false)
	go func() {
		defer close(done)
		err := s.rewrite()
		s.disk.Lock()
		defer s.disk.Unlock()
		s.rewriting = nil
		if err != nil { // The old file is good; it may grow before the next try.
			s.rewriteAfter = s.log.end.at + s.slack
		}
	}()
}

// stopRewriting ends a rewriting under way. The caller holds the disk.
func (s *Store) stopRewriting() {
	if done := s.rewriting; done != nil {
		s.stop.Store(true)
		s.disk.Unlock()
		<-done
		s.disk.Lock()
	}
}

// rewrite makes the new file. The file is only appended to while it works, so
// that whatever is durable can be read without holding anything.
func (s *Store) rewrite() error {
	done, err := s.durable()
	if err != nil {
		return err
	}
	b, err := s.copyNewest(done, s.stop.Load)
	if err != nil {
		return err
	}
	for {
		now, err := s.durable()
		if err == nil && now.at-done.at <= catchUp {
			break
		}
		if err == nil {
			err = s.copyFrames(b, done, now)
		}
		if err == nil {
			err = b.finish()
		}
		if err != nil {
			return b.discard(err)
		}
		done = now
	}
	s.disk.Lock()
	defer s.disk.Unlock()
	if s.stop.Load() || s.doubt {
		return b.discard(errStopped)
	}
	if err := s.copyFrames(b, done, s.log.end); err != nil {
		return b.discard(err)
	}
	if err := b.finish(); err != nil {
		return b.discard(err)
	}
	return s.replace(b)
}

// durable returns the end of what may be copied.
func (s *Store) durable() (chain, error) {
	s.disk.Lock()
	defer s.disk.Unlock()
	if s.stop.Load() || s.doubt {
		return chain{}, errStopped
	}
	return s.log.end, nil
}

// copyFrames copies what was appended between two places.
func (s *Store) copyFrames(b *builder, from, to chain) error {
	_, err := s.log.scan(s.log.file, from, to.at, func(_ int64, kind uint32, payload []byte) (err error) {
		if s.stop.Load() {
			return errStopped
		}
		if kind != frameEntries {
			return nil
		}
		b.end, err = b.write(b.end, frameEntries, b.end.counter+1, payload)
		return err
	})
	if err == nil && b.end.counter < to.counter { // It never goes back, whatever number of frames it took.
		b.end, err = b.write(b.end, frameEnd, to.counter, nil)
	}
	return err
}
