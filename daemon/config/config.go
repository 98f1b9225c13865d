// Package config reads the configuration: one main file and the files it
// includes, three flat tables of named things, and the daemon's own settings.
//
// Load reports everything that is wrong at once, each fault with its file and
// line, and keeps the tables of providers, credentials and sinks undecoded for
// their kinds, which it does not know. It opens the configuration's files and
// those that hold its own secrets, and nothing on the network.
package config

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/readfile"
	"github.com/vigented/vigente/internal/section"
)

// Config is one configuration as it was read. When Load reported faults it is
// incomplete, and good for reporting more of them and for watching only.
type Config struct {
	// Path is the main file as the user named it; Sources are all files that
	// make up the configuration, as faults show them, the main file first.
	Path    string
	Sources []string
	// Globs are the absolute patterns of the include key, for watching.
	Globs []string
	// Hash is the SHA-256 of the names and bytes of the sources, in hex.
	Hash string

	Daemon      Daemon
	Log         Log
	Metrics     Metrics
	Cluster     Cluster
	Providers   []Provider
	Credentials []Credential
	Sinks       []Sink
	Fleets      []Fleet

	// Broken says that a source could not be read or is no TOML, so that a name
	// which seems to be missing may well be defined there.
	Broken bool

	settings []section.Key // of the daemon's own tables, as asked for
	tables   map[string]*section.Section
	files    []string // absolute paths of the sources and of includes that are missing
	reader   *section.Reader
	faults   []section.Fault
	base     Base
}

// Options says what Load may know of the process.
type Options struct {
	// Getenv looks up the environment; os.Getenv when nil.
	Getenv func(string) string
	// UID is the user whose defaults apply; 0 is root.
	UID int
	// CredentialsMissingOK leaves { credential = … } references unread when
	// $CREDENTIALS_DIRECTORY is not set: for a check outside the unit.
	CredentialsMissingOK bool
	// ReadFile reads a secret or a certificate whole; a bounded read of a
	// regular file when nil.
	ReadFile func(path string) ([]byte, error)
	// CheckWeb judges a web configuration together with the certificates it
	// names; that of the exporters' library when nil.
	CheckWeb func(path string) error
	// Disks bounds the work on file systems that may hang; a pool of its own when
	// nil. Whoever loads again and again hands over one.
	Disks *devices.Pool
	// SocketOnly reads no more than it takes to find the control socket: a command
	// must not pay for the tables of a large fleet.
	SocketOnly bool
	// Given are the sources where somebody else has read them already: the main
	// file and all that it includes, in the order of Config.Sources. The files
	// themselves are left alone then.
	Given []Source
}

// Source is one file of the configuration as it was read.
type Source struct {
	Name string // absolute
	Text []byte
}

// Gather reads the files that make up the configuration at path, for a Load
// elsewhere. The faults are those that keep it from being complete.
func Gather(path string, opt Options) ([]Source, []section.Fault) {
	l := newLoader(path, opt)
	l.gather = true
	l.read(path)
	faults := slices.DeleteFunc(l.config.faults, func(f section.Fault) bool { return f.Key != keyFile && f.Key != keyInclude })
	return l.gathered, l.config.Sorted(faults)
}

func (o Options) getenv(name string) string {
	if o.Getenv == nil {
		return os.Getenv(name)
	}
	return o.Getenv(name)
}

// Daemon holds the settings of the process.
type Daemon struct {
	// StateDir is absolute; ControlSocket is where the daemon listens.
	StateDir      string
	ControlSocket string
	// SocketChosen says that the configuration names the socket.
	SocketChosen bool
	// Listen is a host and a port; empty for no HTTP.
	Listen string
	// Hosts are the names besides its own under which the listener may be asked.
	Hosts []string
	// WebConfig is the absolute path of a file in the form that Prometheus
	// exporters share, for TLS and basic authentication on Listen; or empty.
	WebConfig string
	// OnFailure is told of every credential that has none of its own; nil for
	// nobody.
	OnFailure *OnFailure
	// StateKey is 32 bytes, or empty when the state is not sealed.
	StateKey credential.Secret
}

// Metrics says what is counted.
type Metrics struct {
	// DetailLimit is the number of credentials, and of sinks, up to which each
	// has series of its own.
	DetailLimit int
}

// Log says what is logged and how.
type Log struct{ Level, Format string }

// Provider is one backend. Section holds the keys of its kind.
type Provider struct {
	Name        string
	Type        string // empty after a fault
	Rates       []schedule.Rate
	Concurrency int
	Location    *time.Location // for dates without a zone
	Section     *section.Section
}

// Credential is one thing kept valid.
type Credential struct {
	Name     string
	Provider string // empty after a fault
	Policy   schedule.Policy
	// OnFailure replaces the daemon's; nil for that.
	OnFailure *OnFailure
	Section   *section.Section
}

// Sink is one place that receives values.
type Sink struct {
	Name    string
	Type    string // empty after a fault
	Section *section.Section
}

// Fleet is a table of rows, each of which makes a credential and its sinks.
type Fleet struct {
	Name string
	// Rows is the absolute path of the table, or of a folder of rows; Shown is
	// how it is written.
	Rows, Shown string
	RowName     section.Text
	// Refuse says that one bad row refuses the whole configuration.
	Refuse bool
	// Windows says that the table is in windows-1252.
	Windows    bool
	Credential *section.Template // nil after a fault
	Sinks      []*section.Template
	Section    *section.Section
}

// Base is the pace of credentials of an unknown provider, and the pace of each
// provider by its name, for credentials that are made from rows.
type Base struct {
	base  pace
	paces map[string]pace
}

// Pace returns what is configured for rows' credentials to start from.
func (c *Config) Pace() Base { return c.base }

// Written returns all of it as a text.
func (b Base) Written() string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(b.paces)) {
		fmt.Fprintf(&text, "%q %s\n", name, b.paces[name].written())
	}
	return text.String() + b.base.written()
}

// Policy reads the keys of pace of a credential's table.
func (b Base) Policy(provider string, s *section.Section) schedule.Policy {
	p, ok := b.paces[provider]
	if !ok {
		p = b.base
	}
	return p.read(s, specific).policy
}

// ReadRows reads a table of rows, or one row, and keeps its version.
func (c *Config) ReadRows(path string) ([]byte, error) {
	if !slices.Contains(c.files, path) {
		c.files = append(c.files, path)
	}
	return c.reader.Read(path, maxSource)
}

// Watch adds a pattern of files to those that are watched.
func (c *Config) Watch(pattern string) { c.Globs = append(c.Globs, pattern) }

// Reader returns what reads the files that tables refer to.
func (c *Config) Reader() *section.Reader { return c.reader }

// Files returns the absolute path of every file to be watched: the sources and,
// once the kinds have read their sections, the files of secrets, CAs and
// certificates. Files that are missing are among them.
func (c *Config) Files() []string {
	files := slices.Concat(c.files, c.reader.Files())
	slices.Sort(files)
	return slices.Compact(files)
}

// Versions returns what each file held when it was read, by its absolute path:
// the sources and, once the kinds have read their sections, secrets, CAs and
// certificates.
func (c *Config) Versions() map[string]readfile.Version { return c.reader.Versions() }

// Release lets go of the tables, once everything was read from them, and of what
// was read for them: a configuration in force is not kept twice.
func (c *Config) Release() {
	for i := range c.Providers {
		c.Providers[i].Section = nil
	}
	c.Credentials, c.Sinks, c.Fleets = nil, nil, nil
	for path := range c.tables {
		if strings.Contains(path, ".") {
			delete(c.tables, path)
		}
	}
	c.reader.Forget()
}

// SourceFiles returns the absolute paths of the configuration's own files.
func (c *Config) SourceFiles() []string { return slices.Clone(c.files) }

// Settings returns every key that the daemon's own tables may hold, named by
// its path ("log.level").
func (c *Config) Settings() []section.Key { return slices.Clone(c.settings) }

// Sorted returns faults in the order of the sources and their lines, each once.
func (c *Config) Sorted(faults []section.Fault) []section.Fault {
	return section.Sort(faults, c.Sources)
}

// Faults returns what Load found beside the faults of the tables it hands out.
func (c *Config) Faults() []section.Fault { return slices.Clone(c.faults) }

// Fault is a fault of a key of the daemon's own tables, found after Load
// ("daemon", "listen").
func (c *Config) Fault(table, key, format string, args ...any) section.Fault {
	s := c.tables[table]
	if s == nil {
		s = section.Empty(c.Path, table, c.reader)
	}
	return s.FaultAt(key, format, args...)
}
