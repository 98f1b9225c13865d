package store

import (
	"context"
	"fmt"
	"slices"

	bolt "go.etcd.io/bbolt"
)

// turn is what a waiting caller is told: that its write has ended, or that it
// is the one to commit what is queued, its own write included.
type turn struct {
	lead bool
	err  error
}

// submit queues a write and returns when it is durable. Whoever finds nobody
// at work commits what is queued; those who come meanwhile wait, and one of
// them commits for all of them next. So a crowd shares one sync of the disk,
// without a goroutine, and nobody works for longer than one commit beyond its
// own.
func (s *Store) submit(ctx context.Context, e entry, w *write) error {
	mine := make(chan turn, 1)
	s.mu.Lock()
	s.pending[e] = w
	s.waiting = append(s.waiting, mine)
	if !s.leading {
		s.leading = true
		mine <- turn{lead: true}
	}
	s.mu.Unlock()
	for {
		select {
		case t := <-mine:
			if !t.lead {
				return t.err
			}
			s.lead()
		case <-ctx.Done():
			select {
			case t := <-mine: // both at once: others depend on a leader
				if t.lead {
					s.lead()
				}
			default:
			}
			// Whoever leads next finds this write queued; should that be this
			// caller, the next one that comes leads.
			s.abandon(mine)
			return fmt.Errorf("save record %s: %w", e.name, context.Cause(ctx))
		}
	}
}

// lead commits one group and hands the lead on.
func (s *Store) lead() {
	s.mu.Lock()
	group, waiting := s.pending, s.waiting
	s.pending, s.waiting = map[entry]*write{}, nil
	// The content is what a later commit writes whole after one that failed, so
	// it is kept up whether this one succeeds or not.
	for e, w := range group {
		if w.value == nil {
			delete(s.content, e)
		} else {
			s.content[e] = w.value
		}
	}
	whole := s.doubt
	if whole {
		for e, value := range s.content {
			group[e] = &write{value}
		}
	}
	s.mu.Unlock()
	err := s.commit(group, whole)
	s.mu.Lock()
	s.doubt = err != nil
	s.commits++
	s.pass()
	s.mu.Unlock()
	for _, w := range waiting {
		w <- turn{err: err}
	}
}

// pass hands the lead to the first who waits, or to nobody. s.mu is held.
func (s *Store) pass() {
	if s.leading = len(s.waiting) > 0; s.leading {
		s.waiting[0] <- turn{lead: true}
	}
}

// abandon takes a caller that gives up out of the queue; its write stays. A
// lead that was handed to it meanwhile goes to the next.
func (s *Store) abandon(mine chan turn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = slices.DeleteFunc(s.waiting, func(w chan turn) bool { return w == mine })
	select {
	case t := <-mine:
		if t.lead {
			s.pass()
		}
	default:
	}
}

// commit writes a group in one transaction. After a commit that failed, the
// pages that the kernel holds may differ from those on the disk without
// another word from it, so the next one writes every value anew, into pages of
// its own, before it counts as good.
func (s *Store) commit(group map[entry]*write, whole bool) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("save state: the state file broke under way (panic of type %T)", p)
		}
	}()
	err = s.db.Update(func(tx *bolt.Tx) error {
		if whole {
			for _, name := range allBuckets() {
				if tx.Bucket([]byte(name)) != nil {
					if err := tx.DeleteBucket([]byte(name)); err != nil {
						return err
					}
				}
			}
		}
		for e, w := range group {
			b, err := tx.CreateBucketIfNotExists([]byte(e.bucket))
			if err != nil {
				return err
			}
			if w.value == nil {
				err = b.Delete([]byte(e.name))
			} else {
				err = b.Put([]byte(e.name), w.value)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("save state: %w", err)
	}
	return nil
}
