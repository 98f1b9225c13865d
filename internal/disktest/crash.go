package disktest

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
)

// Change is one line of a trace.
type Change struct {
	Op   string // create, mkdir, write, truncate, rename, unlink, link, sync, lost, syncdir, mark
	File string // an identity that is never reused
	Dir  string
	Name string
	To   string
	As   string
	How  uint32
	At   int64
	Data []byte
	Text string
}

// exchange is the rename flag that swaps two names.
const exchange = 2

// Crash is the state of a disk after a power cut.
type Crash struct {
	After int               // the number of changes made before the cut
	Files map[string]string // content by path
	Dirs  []string          // paths of folders
	Why   string            // what was lost, for messages
}

// names maps each folder to its entries, and each entry to a file.
type names map[string]map[string]string

func (n names) clone() names {
	out := names{}
	for dir, entries := range n {
		out[dir] = maps.Clone(entries)
	}
	return out
}

// apply makes one change of entries. It does nothing if an earlier change it
// depends on was lost.
func (n names) apply(c Change) {
	put := func(dir, name, file string) {
		if n[dir] == nil {
			n[dir] = map[string]string{}
		}
		n[dir][name] = file
	}
	switch c.Op {
	case "create", "mkdir", "link":
		put(c.Dir, c.Name, c.File)
	case "unlink":
		delete(n[c.Dir], c.Name)
	case "rename":
		from, here := n[c.Dir][c.Name]
		to, there := n[c.To][c.As]
		switch {
		case !here, c.How&exchange != 0 && !there:
		case c.How&exchange != 0:
			put(c.Dir, c.Name, to)
			put(c.To, c.As, from)
		default:
			delete(n[c.Dir], c.Name)
			put(c.To, c.As, from)
		}
	}
}

// disk separates what is durable from what is not yet durable.
type disk struct {
	folders map[string]bool
	names   names             // durable
	moves   []Change          // of entries, not durable yet
	content map[string]string // durable, by file
	writes  map[string][]Change
}

func newDisk() *disk {
	return &disk{folders: map[string]bool{"root": true}, names: names{"root": {}}, content: map[string]string{}, writes: map[string][]Change{}}
}

// step makes the next change.
func (d *disk) step(c Change) {
	switch c.Op {
	case "write", "truncate":
		d.writes[c.File] = append(d.writes[c.File], c)
	case "sync":
		d.content[c.File] = written(d.content[c.File], d.writes[c.File])
		delete(d.writes, c.File)
	case "lost":
		// After a failed sync the kernel considers the pages clean, so no later
		// sync writes them.
		delete(d.writes, c.File)
	case "syncdir":
		rest := d.moves[:0:0]
		for _, m := range d.moves {
			if m.Dir == c.Dir || m.To == c.Dir {
				d.names.apply(m)
			} else {
				rest = append(rest, m)
			}
		}
		d.moves = rest
	case "mkdir":
		d.folders[c.File] = true
		d.moves = append(d.moves, c)
	case "create", "rename", "unlink", "link":
		d.moves = append(d.moves, c)
	}
}

func written(content string, writes []Change) string {
	data := []byte(content)
	grow := func(size int64) {
		if n := size - int64(len(data)); n > 0 {
			data = append(data, make([]byte, n)...)
		}
	}
	for _, w := range writes {
		if w.Op == "truncate" {
			grow(w.At)
			data = data[:w.At]
			continue
		}
		grow(w.At + int64(len(w.Data)))
		copy(data[w.At:], w.Data)
	}
	return string(data)
}

// fullSubsets is the largest number of changes of which every subset is tried.
// Beyond that only the extremes, every prefix and every single loss are tried.
const fullSubsets = 5

// subsets returns the sets of changes, out of n, that may have reached the
// disk.
func subsets(n int) [][]bool {
	var out [][]bool
	if n <= fullSubsets {
		for bits := range 1 << n {
			take := make([]bool, n)
			for i := range take {
				take[i] = bits>>i&1 == 1
			}
			out = append(out, take)
		}
		return out
	}
	for k := range n + 1 {
		prefix, without := make([]bool, n), make([]bool, n)
		for i := range n {
			prefix[i], without[i] = i < k, i != k
		}
		out = append(out, prefix, without)
	}
	return out
}

// sector is the unit that a disk writes atomically.
const sector = 512

// versions returns what a file may contain: some of the unsynced writes, one of
// them possibly cut between two sectors, and zeros where the file grew but only
// its length reached the disk.
func versions(content string, writes []Change) []string {
	seen := map[string]bool{content: true}
	out := []string{content}
	add := func(data string) {
		if !seen[data] {
			seen[data] = true
			out = append(out, data)
		}
	}
	for _, take := range subsets(len(writes)) {
		var some []Change
		for i, w := range writes {
			if take[i] {
				some = append(some, w)
			}
		}
		add(written(content, some))
	}
	for i, w := range writes {
		if w.Op != "write" || len(w.Data) < 2 {
			continue
		}
		for _, part := range cut(w, int64(len(content))) {
			add(written(content, append(slices.Clone(writes[:i]), part)))
			add(written(content, append(append(slices.Clone(writes[:i]), part), writes[i+1:]...)))
		}
	}
	return out
}

// cut returns what may reach the disk of one write to a file of the given
// durable size.
func cut(w Change, size int64) []Change {
	half := len(w.Data) / 2
	if half > sector {
		half -= half % sector
	}
	first, last := w, w
	first.Data = w.Data[:half]
	last.At, last.Data = w.At+int64(half), w.Data[half:]
	parts := []Change{first, last}
	if w.At >= size {
		zeros := w
		zeros.Data = make([]byte, len(w.Data))
		parts = append(parts, zeros)
	}
	return parts
}

// Crashes calls check with every distinct state that a power cut could leave
// after each number of changes, and returns how many there were. The filter at,
// if not nil, limits the cuts to chosen numbers of changes.
func Crashes(trace []Change, at func(after int) bool, check func(Crash)) (states int) {
	d := newDisk()
	seen := map[[sha256.Size]byte]bool{}
	for n := 0; ; n++ {
		if at == nil || at(n) {
			// A mark promises more from here on, so a state seen before must be
			// checked again.
			if n > 0 && trace[n-1].Op == "mark" {
				clear(seen)
			}
			d.crash(n, func(c Crash) {
				if key := c.key(); !seen[key] {
					seen[key] = true
					states++
					check(c)
				}
			})
		}
		if n == len(trace) {
			return states
		}
		d.step(trace[n])
	}
}

// crash calls check with every state possible at this moment.
func (d *disk) crash(after int, check func(Crash)) {
	open := slices.Sorted(maps.Keys(d.writes))
	held := make([][]string, len(open))
	for i, file := range open {
		held[i] = versions(d.content[file], d.writes[file])
	}
	for _, take := range subsets(len(d.moves)) {
		tree := d.names.clone()
		lost := 0
		for i, m := range d.moves {
			if take[i] {
				tree.apply(m)
			} else {
				lost++
			}
		}
		show := func(what string, content func(file string) string) {
			c := Crash{After: after, Files: map[string]string{}, Why: fmt.Sprintf("%d of %d changes of names lost, %s", lost, len(d.moves), what)}
			d.walk(tree, "root", "", content, &c)
			check(c)
		}
		durable := func(file string) string { return d.content[file] }
		newest := func(file string) string { return written(d.content[file], d.writes[file]) }
		show("no open write arrived", durable)
		show("all writes arrived", newest)
		for i, file := range open {
			for v, data := range held[i] {
				// The other files either lost everything or nothing.
				for side, other := range []func(string) string{durable, newest} {
					show(fmt.Sprintf("version %d of one file, side %d", v, side), func(f string) string {
						if f == file {
							return data
						}
						return other(f)
					})
				}
			}
		}
	}
}

func (d *disk) walk(tree names, dir, path string, content func(string) string, c *Crash) {
	for name, file := range tree[dir] {
		full := path + "/" + name
		if d.folders[file] {
			c.Dirs = append(c.Dirs, full)
			d.walk(tree, file, full, content, c)
			continue
		}
		c.Files[full] = content(file)
	}
}

func (c Crash) key() [sha256.Size]byte {
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(c.Files)) {
		fmt.Fprintf(h, "%q %d %s", name, len(c.Files[name]), c.Files[name])
	}
	dirs := slices.Sorted(slices.Values(c.Dirs))
	fmt.Fprintf(h, "%q", dirs)
	return [sha256.Size]byte(h.Sum(nil))
}
