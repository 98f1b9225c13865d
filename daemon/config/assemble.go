package config

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"path/filepath"
	"strconv"
	"strings"

	// Provides the default time zone on machines without zone files.
	_ "time/tzdata"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/internal/section"
)

const (
	defaultListen      = "127.0.0.1:9847"
	defaultConcurrency = 8
	mostConcurrency    = 1000
	defaultDetailLimit = 2000
	mostDetail         = 1_000_000
)

// assemble converts the collected tables into the values of Config.
func (l *loader) assemble() {
	l.daemonSettings(l.single(tableDaemon))
	log := l.single(tableLog)
	l.config.Log = Log{
		Level:  log.Choice("level", "info", "debug", "info", "warn", "error"),
		Format: log.Choice("format", "auto", "auto", "json", "console"),
	}
	l.finish(log)
	metrics := l.single(tableMetrics)
	l.config.Metrics.DetailLimit = metrics.Int("detail_limit", defaultDetailLimit)
	if limit := l.config.Metrics.DetailLimit; limit < 0 || limit > mostDetail {
		metrics.Faultf("detail_limit", "%d is out of range (expected 0 to %d)", limit, mostDetail)
	}
	l.finish(metrics)
	l.clusterSettings(l.single(tableCluster), l.tables[tableCluster] != nil)
	renewal := l.single(tableRenewal)
	base := defaultPace().read(renewal, general)
	l.finish(renewal)

	paces := map[string]pace{}
	for _, s := range l.groups[tableProviders] {
		p := base.read(s, ofProvider)
		paces[s.Name()] = p
		l.config.Providers = append(l.config.Providers, provider(s, p))
	}
	for _, s := range l.groups[tableCredentials] {
		name := s.Daemon().Required("provider")
		p, ok := paces[name]
		if !ok {
			p = base
		}
		l.config.Credentials = append(l.config.Credentials, Credential{
			Name: s.Name(), Provider: name, Policy: p.read(s, ofCredential).policy, Section: s,
			OnFailure: ReadOnFailure(s.Daemon()),
		})
	}
	l.config.base = Base{base, paces}
	for _, s := range l.groups[tableFleets] {
		l.config.Fleets = append(l.config.Fleets, fleet(s))
	}
	for _, s := range l.groups[tableSinks] {
		l.config.Sinks = append(l.config.Sinks, Sink{Name: s.Name(), Type: s.Required("type"), Section: s})
	}
}

// finish closes an unnamed table.
func (l *loader) finish(s *section.Section) {
	for _, f := range s.Finish() {
		f.Path = "" // the daemon cannot start without these files, so this is a wrong value, not a missing one
		l.report(f)
	}
	for _, key := range s.Described() {
		key.Name = s.Path() + "." + key.Name
		l.config.settings = append(l.config.settings, key)
	}
}

// single returns an unnamed table; a missing one is empty.
func (l *loader) single(key string) *section.Section {
	if s := l.tables[key]; s != nil {
		return s
	}
	return section.Empty(l.config.Path, key, l.config.reader)
}

func provider(s *section.Section, p pace) Provider {
	own := s.Daemon()
	v := Provider{Name: s.Name(), Type: s.Required("type"), Section: s}
	v.Rates = section.Value(own, "rate", nil, `a rate in quotes, such as "4/s"`, schedule.ParseRates)
	v.Concurrency = own.Int("concurrency", defaultConcurrency)
	if v.Concurrency < 1 || v.Concurrency > mostConcurrency {
		own.Faultf("concurrency", "%d is out of range (expected 1 to %d)", v.Concurrency, mostConcurrency)
	}
	v.Location, _ = schedule.LoadLocation(p.zone) // only an existing zone gets here
	return v
}

func (l *loader) daemonSettings(s *section.Section) {
	d := &l.config.Daemon
	d.StateDir = s.FilePath("state_dir")
	if d.StateDir == "" {
		dir, err := DefaultStateDir(l.opt)
		if err != nil {
			s.Faultf("state_dir", "%v", err)
		}
		d.StateDir = dir
	}
	d.ControlSocket = s.FilePath("control_socket")
	d.SocketChosen = d.ControlSocket != ""
	if n := len(filepath.Base(d.ControlSocket)); n > longestSocket {
		s.Faultf("control_socket", "its file name has %d characters (expected at most %d, because the system limits the names of sockets)", n, longestSocket)
	}
	if !d.SocketChosen {
		d.ControlSocket = DefaultSocket(d.StateDir, l.opt)
	}
	d.Listen = section.Value(s, "listen", defaultListen, `host and port in quotes, such as "127.0.0.1:9847", or "" for none`, parseListen)
	l.hosts(s)
	l.webConfig(s)
	l.stateKey(s)
	d.OnFailure = ReadOnFailure(s)
	l.finish(s)
}

func (l *loader) stateKey(s *section.Section) {
	const key = "state_key"
	raw := s.RawSecret(key)
	if raw.IsZero() || s.Unread(key) {
		return
	}
	k, ok := decodeStateKey(raw.Reveal())
	if !ok {
		s.Faultf(key, "is not a key of 32 bytes (expected 32 bytes raw, as 64 hex digits or as base64; openssl rand -hex 32 generates one)")
		return
	}
	l.config.Daemon.StateKey = k
}

// decodeStateKey decodes a key in any of its three forms. One trailing newline
// is ignored, unless the raw key has 32 bytes only with it.
func decodeStateKey(raw string) (credential.Secret, bool) {
	const size = 32
	const mark = "\ufeff" // an editor's byte order mark, which is no part of hex or base64
	trimmed := strings.TrimSuffix(strings.TrimSuffix(raw, "\n"), "\r")
	for _, text := range []string{raw, trimmed} {
		if len(text) == size {
			return credential.NewSecret(text), true
		}
	}
	encodings := []func(string) ([]byte, error){
		hex.DecodeString, base64.StdEncoding.DecodeString, base64.RawStdEncoding.DecodeString,
		base64.URLEncoding.DecodeString, base64.RawURLEncoding.DecodeString,
	}
	for _, decode := range encodings {
		if key, err := decode(strings.TrimPrefix(trimmed, mark)); err == nil && len(key) == size {
			return credential.NewSecret(string(key)), true
		}
	}
	return credential.Secret{}, false
}

// parseListen checks a listen address.
func parseListen(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", fmt.Errorf("%q is not a valid address (expected host:port such as \"127.0.0.1:9847\", or \"\" for none)", text)
	}
	return text, nil
}
