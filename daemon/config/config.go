// Package config reads the configuration: a main file and the files it
// includes, three flat tables of named objects, and the daemon's own settings.
//
// Load reports every fault at once, each with file and line. The sections of
// providers, credentials and sinks stay undecoded for their kinds, which this
// package does not know. It opens only the configuration's files and those that
// contain its own secrets, and uses no network.
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

// Config is one loaded configuration. If Load reported faults, it is incomplete
// and may only be used for reporting more faults and for watching files.
type Config struct {
	// Path is the main file as the user named it. Sources are all files of the
	// configuration as shown in faults, starting with the main file.
	Path    string
	Sources []string
	// Globs are the absolute patterns of the include key, for watching.
	Globs []string
	// Hash is the hex SHA-256 of the names and bytes of the sources.
	Hash string

	Daemon      Daemon
	Log         Log
	Metrics     Metrics
	Cluster     Cluster
	Providers   []Provider
	Credentials []Credential
	Sinks       []Sink
	Fleets      []Fleet

	// Broken means that a source could not be read or is not valid TOML, so a
	// name that seems to be missing may be defined there.
	Broken bool

	// Ended reports certificates of the listener and of the cluster that have
	// expired, Ending those that expire soon. The configuration can be used.
	Ended, Ending []section.Fault

	settings []section.Key // keys of the daemon's own tables that were read
	tables   map[string]*section.Section
	files    []string // absolute paths of the sources and of missing includes
	reader   *section.Reader
	faults   []section.Fault
	base     Base
}

// Options describes the process to Load.
type Options struct {
	// Getenv looks up environment variables; os.Getenv if nil.
	Getenv func(string) string
	// UID is the user whose defaults apply; 0 is root.
	UID int
	// CredentialsMissingOK leaves { credential = … } references unread if
	// $CREDENTIALS_DIRECTORY is not set, for a check outside the unit.
	CredentialsMissingOK bool
	// ReadFile reads a secret or a certificate; if nil, a bounded read of a
	// regular file.
	ReadFile func(path string) ([]byte, error)
	// CheckWeb validates a web configuration and the certificates it names; if
	// nil, the check of the exporter toolkit.
	CheckWeb func(path string) error
	// Disks bounds the work on file systems that may hang; if nil, a new pool.
	// Pass one when loading repeatedly.
	Disks *devices.Pool
	// SocketOnly reads only what is needed to find the control socket, so that
	// commands stay fast with a large fleet.
	SocketOnly bool
	// Given are the sources if they have already been read: the main file and
	// its includes, in the order of Config.Sources. The files themselves are
	// then not read.
	Given []Source
}

// Source is the content of one configuration file.
type Source struct {
	Name string // absolute
	Text []byte
}

// Gather reads the files of the configuration at path, so that Load can be run
// elsewhere. The faults are those that make it incomplete.
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

// Daemon contains the settings of the process.
type Daemon struct {
	// StateDir is absolute; ControlSocket is where the daemon listens.
	StateDir      string
	ControlSocket string
	// SocketChosen means that the configuration sets the socket.
	SocketChosen bool
	// Listen is host and port; empty for no HTTP.
	Listen string
	// Hosts are additional host names under which the listener may be addressed.
	Hosts []string
	// WebConfig is the absolute path of a web configuration file in the format
	// of the Prometheus exporters, for TLS and basic authentication on Listen;
	// or empty.
	WebConfig string
	// WebLimits are the expiries of the certificates that WebConfig names.
	WebLimits []credential.Limit
	// OnFailure applies to every credential without its own; may be nil.
	OnFailure *OnFailure
	// StateKey has 32 bytes, or is empty if the state is not sealed.
	StateKey credential.Secret
}

// Key returns the key that seals the state, or nil if the state is not sealed.
func (d Daemon) Key() *[32]byte {
	if d.StateKey.IsZero() {
		return nil
	}
	key := [32]byte([]byte(d.StateKey.Reveal()))
	return &key
}

// Metrics configures the metrics.
type Metrics struct {
	// DetailLimit is the number of credentials, and of sinks, up to which each
	// has its own series.
	DetailLimit int
}

// Log configures the log.
type Log struct{ Level, Format string }

// Provider is one backend. Section contains the keys of its kind.
type Provider struct {
	Name        string
	Type        string // empty after a fault
	Rates       []schedule.Rate
	Concurrency int
	Location    *time.Location // for dates without a time zone
	Section     *section.Section
}

// Credential is one credential to keep valid.
type Credential struct {
	Name     string
	Provider string // empty after a fault
	Policy   schedule.Policy
	// OnFailure replaces the daemon's; nil to use that.
	OnFailure *OnFailure
	Section   *section.Section
}

// Sink is one target for values.
type Sink struct {
	Name    string
	Type    string // empty after a fault
	Section *section.Section
}

// Fleet is a table of rows, each of which defines a credential and its sinks.
type Fleet struct {
	Name string
	// Rows is the absolute path of the table, or of a folder of rows; Shown is
	// the path as configured.
	Rows, Shown string
	RowName     section.Text
	// Refuse means that one faulty row makes the whole configuration invalid.
	Refuse bool
	// Windows means that the table is encoded in windows-1252.
	Windows    bool
	Credential *section.Template // nil after a fault
	Sinks      []*section.Template
	Section    *section.Section
}

// Base contains the policy of each provider by name, and of unknown providers,
// for credentials that are defined by rows.
type Base struct {
	base  pace
	paces map[string]pace
}

// Pace returns the policies from which credentials of rows start.
func (c *Config) Pace() Base { return c.base }

// Written returns a text that identifies all of it.
func (b Base) Written() string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(b.paces)) {
		fmt.Fprintf(&text, "%q %s\n", name, b.paces[name].written())
	}
	return text.String() + b.base.written()
}

// Policy reads the policy keys of a credential's table.
func (b Base) Policy(provider string, s *section.Section) schedule.Policy {
	p, ok := b.paces[provider]
	if !ok {
		p = b.base
	}
	return p.read(s, ofCredential).policy
}

// ReadRows reads a table of rows, or one row, and records its version.
func (c *Config) ReadRows(path string) ([]byte, error) {
	if !slices.Contains(c.files, path) {
		c.files = append(c.files, path)
	}
	return c.reader.Read(path, maxSource)
}

// Watch adds a file pattern to watch.
func (c *Config) Watch(pattern string) { c.Globs = append(c.Globs, pattern) }

// Reader returns the reader of the files that tables refer to.
func (c *Config) Reader() *section.Reader { return c.reader }

// Files returns the absolute paths of every file to watch: the sources and,
// once the kinds have read their sections, the files of secrets, CAs and
// certificates, including missing ones.
func (c *Config) Files() []string {
	files := slices.Concat(c.files, c.reader.Files())
	slices.Sort(files)
	return slices.Compact(files)
}

// Versions returns the version of each file that was read, by absolute path:
// the sources and, once the kinds have read their sections, secrets, CAs and
// certificates.
func (c *Config) Versions() map[string]readfile.Version { return c.reader.Versions() }

// Release frees the tables and what was read for them, once nothing more is
// read from them, so that a running configuration is not in memory twice.
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

// Settings returns every valid key of the daemon's own tables, named by its
// path ("log.level").
func (c *Config) Settings() []section.Key { return slices.Clone(c.settings) }

// Sorted returns faults in the order of sources and lines, without duplicates.
func (c *Config) Sorted(faults []section.Fault) []section.Fault {
	return section.Sort(faults, c.Sources)
}

// Faults returns the faults Load found outside the sections it returns.
func (c *Config) Faults() []section.Fault { return slices.Clone(c.faults) }

// Fault returns a fault in a key of the daemon's own tables ("daemon",
// "listen") that was found after Load.
func (c *Config) Fault(table, key, format string, args ...any) section.Fault {
	s := c.tables[table]
	if s == nil {
		s = section.Empty(c.Path, table, c.reader)
	}
	return s.FaultAt(key, format, args...)
}
