package atomicfile

import (
	"sync"
	"sync/atomic"
)

// A folder sync covers everything that was renamed in the folder before it began.
// So writers of one folder that finish together share one: while a sync is running,
// those that are ready for the next wait for its end, and then one of them syncs for
// all. Nobody is told that a sync succeeded that began before it asked.

// folderSyncs holds the folders that are being synced.
type folderSyncs struct {
	mu      sync.Mutex
	folders map[folderID][]*folderSync // those who wait for the next sync
}

// folderID identifies a folder, whatever path leads to it.
type folderID struct{ dev, ino uint64 }

// folderSync is one writer that waits.
type folderSync struct {
	opened uint64             // see location.opened
	lead   chan []*folderSync // tells it to sync, for itself and these others
	done   chan error         // tells it how the sync of another ended
}

// syncs is shared by all writers of the process, since any two may meet in a folder.
var syncs = folderSyncs{folders: map[folderID][]*folderSync{}}

// openings counts the folders that were opened for reading.
var openings atomic.Uint64

// run makes a sync that begins after its call, by sync or by that of another writer
// of the folder, and returns its error.
//
// The kernel reports a failed write to each descriptor once, if the descriptor was
// open by then. So the one that was opened first syncs for all: it sees whatever
// error any of the others would see.
func (s *folderSyncs) run(id folderID, opened uint64, sync func() error) error {
	s.mu.Lock()
	waiting, running := s.folders[id]
	if !running {
		s.folders[id] = nil
		s.mu.Unlock()
		return s.lead(id, nil, sync)
	}
	w := &folderSync{opened, make(chan []*folderSync, 1), make(chan error, 1)}
	s.folders[id] = append(waiting, w)
	s.mu.Unlock()
	select {
	case others := <-w.lead:
		return s.lead(id, others, sync)
	case err := <-w.done:
		return err
	}
}

// lead makes a sync for its caller and the others, and lets those who came meanwhile
// make the next.
func (s *folderSyncs) lead(id folderID, others []*folderSync, sync func() error) error {
	err := sync()
	for _, w := range others {
		w.done <- err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := s.folders[id]
	if len(waiting) == 0 {
		delete(s.folders, id)
		return err
	}
	s.folders[id] = nil
	first := 0
	for i, w := range waiting {
		if w.opened < waiting[first].opened {
			first = i
		}
	}
	next := waiting[first]
	waiting[first] = waiting[len(waiting)-1]
	next.lead <- waiting[:len(waiting)-1]
	return err
}

// syncFolder makes the entries of the file's folder durable; file is a descriptor in
// it, or -1. A folder that cannot be opened for reading is synced another way, which
// is not shared.
func (j *job) syncFolder(file int) error {
	own := func() error { return j.sys.syncFolder(j.at.dir, file) }
	if j.at.opened == 0 {
		return own()
	}
	return syncs.run(folderID{uint64(j.at.st.Dev), j.at.st.Ino}, j.at.opened, own) //nolint:unconvert // other widths on other machines
}
