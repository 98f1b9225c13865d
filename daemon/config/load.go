package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"syscall"

	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/section"
)

// maxSource is the size limit for one file of the configuration.
const maxSource = 64 << 20

// loader loads a configuration once.
type loader struct {
	opt    Options
	config *Config
	hash   hash.Hash

	// tables maps paths to the tables found so far; groups has the named ones in
	// file order.
	tables map[string]*section.Section
	groups map[string][]*section.Section

	// gather keeps everything that is read, in gathered.
	gather   bool
	gathered []Source
}

// Tables of the configuration.
const (
	tableDaemon      = "daemon"
	tableLog         = "log"
	tableMetrics     = "metrics"
	tableRenewal     = "renewal"
	tableProviders   = "providers"
	tableCredentials = "credentials"
	tableSinks       = "sinks"
	tableFleets      = "fleets"
	keyInclude       = "include"
	keyFile          = "file" // of a fault that concerns the whole file
)

// Load reads the main file at path and its includes. It returns what could be
// read together with all faults, in the order of files and lines.
func Load(path string, opt Options) (*Config, []section.Fault) {
	l := newLoader(path, opt)
	l.read(path)
	l.assemble()
	l.config.Hash = hex.EncodeToString(l.hash.Sum(nil))
	return l.config, l.config.Sorted(slices.Concat(l.config.faults, l.sectionFaults()))
}

// read reads the main file and its includes.
func (l *loader) read(path string) {
	data, absolute, problem := l.readSource(path)
	l.config.files = append(l.config.files, absolute)
	if problem != "" {
		l.config.Broken = true
		l.report(section.Fault{File: path, Line: 1, Key: keyFile, Message: problem})
	} else if main := l.source(path, data); main != nil {
		l.addTables(main)
		for _, name := range l.includes(main) {
			l.included(name)
		}
		l.report(main.Finish()...)
	} else if s := salvage(path, data, l.config.reader); s != nil {
		l.tables[tableDaemon] = s
	}
}

func newLoader(path string, opt Options) *loader {
	if opt.Disks == nil {
		opt.Disks = devices.New()
	}
	reader := section.NewReader(section.ReaderOptions{
		Getenv: opt.getenv, ReadFile: opt.ReadFile, Bounded: opt.bounded, CredentialsMissingOK: opt.CredentialsMissingOK,
	})
	tables := map[string]*section.Section{}
	return &loader{
		opt:    opt,
		config: &Config{Path: path, Sources: []string{path}, reader: reader, tables: tables},
		hash:   sha256.New(),
		tables: tables,
		groups: map[string][]*section.Section{},
	}
}

func (l *loader) report(faults ...section.Fault) {
	l.config.faults = append(l.config.faults, faults...)
}

// sectionFaults collects the faults recorded in the sections that are returned.
func (l *loader) sectionFaults() []section.Fault {
	var faults []section.Fault
	for _, group := range []string{tableProviders, tableCredentials, tableSinks, tableFleets} {
		for _, s := range l.groups[group] {
			faults = append(faults, s.Faults()...)
		}
	}
	return faults
}

// readSource returns one file of the configuration, given or read.
func (l *loader) readSource(path string) (data []byte, absolute, problem string) {
	if i := slices.IndexFunc(l.opt.Given, func(s Source) bool { return s.Name == path }); i >= 0 {
		return l.opt.Given[i].Text, path, ""
	}
	data, absolute, problem = readSource(path, l.config.reader.Read)
	if l.opt.SocketOnly {
		data = onlyDaemon(data)
	}
	if l.gather && problem == "" {
		l.gathered = append(l.gathered, Source{absolute, data})
	}
	return data, absolute, problem
}

// absent is the fault of a missing main file.
const absent = "does not exist (expected a configuration file; name it with --config)"

// readSource reads one file of the configuration, or explains in our own words
// why it cannot be used.
func readSource(path string, read func(path string, limit int64) ([]byte, error)) (data []byte, absolute, problem string) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		absolute = path
	}
	data, err = read(absolute, maxSource)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, absolute, absent
	case errors.Is(err, fs.ErrPermission):
		return nil, absolute, "may not be read by this user (expected a readable file: change its owner, group or mode)"
	case errors.Is(err, syscall.EISDIR):
		return nil, absolute, "is a folder (expected a configuration file)"
	case err != nil:
		cause := err
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			cause = pe.Err
		}
		return nil, absolute, fmt.Sprintf("cannot be read: %v (expected a regular file of at most 64 MiB)", cause)
	case len(bytes.TrimSpace(data)) == 0:
		return nil, absolute, "is empty (expected a configuration; an empty file is treated as one that is being saved)"
	}
	return data, absolute, ""
}

// source adds the bytes of one file to the hash and parses them.
func (l *loader) source(name string, data []byte) *section.Section {
	for _, part := range [][]byte{[]byte(name), data} {
		_, _ = l.hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		_, _ = l.hash.Write(part)
	}
	s, faults := section.ParseFile(name, data, l.config.reader)
	l.report(faults...)
	if s == nil {
		l.config.Broken = true
	}
	return s
}

// included reads one included file.
func (l *loader) included(name string) {
	data, absolute, problem := l.readSource(name)
	l.config.Sources = append(l.config.Sources, name)
	l.config.files = append(l.config.files, absolute)
	if problem == absent { // although the pattern matched it
		problem = "is a dangling link, or has just been removed (expected a configuration file)"
	}
	if problem != "" {
		l.config.Broken = true
		l.report(section.Fault{File: name, Line: 1, Key: keyFile, Message: problem})
		return
	}
	s := l.source(name, data)
	if s == nil {
		return
	}
	if s.Has(keyInclude) {
		s.Faultf(keyInclude, "is not allowed in an included file (expected in %s only)", l.config.Path)
	}
	l.addTables(s)
	l.report(s.Finish()...)
}

// rowItself stands for the credential of the same row in references, so nothing can be
// called this.
const rowItself = "this"

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,63}$`)

// addTables sorts the tables of one file and keeps those whose name is new.
func (l *loader) addTables(file *section.Section) {
	for _, key := range []string{tableDaemon, tableLog, tableMetrics, tableRenewal, tableCluster} {
		if s := file.Object(key); s != nil {
			l.isNew(s)
		}
	}
	for _, key := range []string{tableProviders, tableCredentials, tableSinks, tableFleets} {
		for _, s := range file.Objects(key) {
			if !nameForm.MatchString(s.Name()) {
				s.Daemon().Faultf("", "is not a valid name (expected lower-case letters, digits, _ and -, at most 64, the first a letter or a digit)")
			}
			if s.Name() == rowItself {
				s.Daemon().Faultf("", "is not a name (${this.field} is the row's own credential)")
			}
			if l.isNew(s) {
				l.groups[key] = append(l.groups[key], s)
			}
		}
	}
}

// isNew records a table. If another file has already defined it, it is reported
// at its line and dropped.
func (l *loader) isNew(s *section.Section) bool {
	first, ok := l.tables[s.Path()]
	if ok {
		s.Faultf("", "is already defined at %s (expected each name once)", first.Place())
		l.report(s.Faults()...)
		return false
	}
	l.tables[s.Path()] = s
	return true
}
