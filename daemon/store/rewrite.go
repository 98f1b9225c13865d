package store

// The file grows with every save. Once replaced values take up most of it, it is
// rewritten while saves continue: first the newest values, then what was appended
// in the meantime. Saves wait only while the last part of that is copied.

// slack is how many bytes of replaced values are allowed if the disk has room.
const slack = 8 << 20

// shareOfRoom limits replaced values to a part of the free space of the disk,
// because the new file must fit beside the old one.
const shareOfRoom = 4

// leastGrowth is how much must be appended between two attempts to rewrite.
const leastGrowth = 64 << 10

// catchUp is how much may be left to copy while saves wait.
const catchUp = 256 << 10

// outgrown reports whether the file is worth rewriting. The caller holds s.disk.
func (s *Store) outgrown() bool {
	end, worth := s.log.end.at, 2*s.log.live
	return end > worth && end > s.rewriteAfter && end > worth+s.allowance()
}

// allowance returns how many bytes of replaced values are allowed now.
func (s *Store) allowance() int64 {
	if have, known := free(s.dir); known {
		return int64(min(uint64(s.slack), have/shareOfRoom)) //nolint:gosec // slack is smaller than any int64
	}
	return s.slack
}

// rewriteLater starts a rewrite if one is due. The caller holds s.disk.
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
		if err != nil { // The old file is good; let it grow before the next attempt.
			s.rewriteAfter = s.log.end.at + max(leastGrowth, s.allowance())
		}
	}()
}

// makeRoom refuses ordinary writes on a disk that is nearly full. Before that, it
// makes saves wait for a rewrite: if the file kept growing, it could use up the
// space that the new file needs. The caller holds s.disk.
func (s *Store) makeRoom() error {
	for range 2 { // A rewrite that was already running may have lost its space to saves.
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

// stopRewriting stops a rewrite. The caller holds s.disk.
func (s *Store) stopRewriting() {
	if done := s.rewriting; done != nil {
		s.stop.Store(true)
		s.disk.Unlock()
		<-done
		s.disk.Lock()
	}
}

// rewrite writes the new file. Meanwhile the old file is only appended to, so its
// durable part can be read without a lock.
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

// durable returns the end of the part that may be copied.
func (s *Store) durable() (chain, error) {
	s.disk.Lock()
	defer s.disk.Unlock()
	if s.stop.Load() || s.doubt {
		return chain{}, errStopped
	}
	return s.log.end, nil
}

// copyFrames copies the frames between two ends.
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
	if err == nil && b.end.counter < to.counter { // The counter never goes back, even if fewer frames were needed.
		b.end, err = b.write(b.end, frameEnd, to.counter, nil)
	}
	return err
}
