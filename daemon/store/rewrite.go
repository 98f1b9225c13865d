package store

// The file grows with every save. Once most of it is values that were replaced
// since, it is rewritten beside the saves, which go on meanwhile: the newest
// values first, then what was appended since, and only the last of that with
// the saves held up.

// slack is how much of replaced values is allowed where there is room.
const slack = 8 << 20

// shareOfRoom is how much of what is free on the disk replaced values may take:
// the new file needs room beside the old one, which must not have taken it all.
const shareOfRoom = 4

// leastGrowth is what is appended at least between two tries to rewrite a file.
const leastGrowth = 64 << 10

// catchUp is how much may be left to copy when the saves are held up.
const catchUp = 256 << 10

// outgrown reports whether the file is worth rewriting. The caller holds the
// disk.
func (s *Store) outgrown() bool {
	end, worth := s.log.end.at, 2*s.log.live
	return end > worth && end > s.rewriteAfter && end > worth+s.allowance()
}

// allowance is how much of replaced values is allowed now.
func (s *Store) allowance() int64 {
	if have, known := free(s.dir); known {
		return int64(min(uint64(s.slack), have/shareOfRoom)) //nolint:gosec // slack is smaller than any int64
	}
	return s.slack
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
			s.rewriteAfter = s.log.end.at + max(leastGrowth, s.allowance())
		}
	}()
}

// makeRoom refuses what is ordinary on a disk that is nearly full. Before it comes
// to that, saves wait until the file is rewritten: one that goes on growing may
// take the room that the new one needs. The caller holds the disk.
func (s *Store) makeRoom() error {
	for range 2 { // One that was under way may have lost the room to saves.
		worth := s.log.end.at > 2*s.log.live
		if !worth || room(s.dir, Headroom+s.log.end.at/2) == nil {
			break
		}
		if s.rewriting == nil && room(s.dir, s.log.live) == nil {
			s.rewriteAfter = 0
			s.rewriteLater()
		}
		done := s.rewriting
		if done == nil {
			break
		}
		s.disk.Unlock()
		<-done
		s.disk.Lock()
	}
	return room(s.dir, Headroom)
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
