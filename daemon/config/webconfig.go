package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"

	"github.com/vigented/vigente/internal/section"
)

const expectedWeb = "expected the web configuration of Prometheus exporters: tls_server_config, basic_auth_users"

// webConfig checks the file that protects the listener and the certificates it
// names, so that a faulty one is refused before the first connection.
func (l *loader) webConfig(s *section.Section) {
	const key = "web_config"
	d, check := &l.config.Daemon, l.opt.CheckWeb
	if check == nil {
		check = checkWeb
	}
	if s.File(key) == nil {
		return
	}
	d.WebConfig = s.FilePath(key)
	_, err := within(l.opt, d.WebConfig, func() (struct{}, error) { return struct{}{}, check(d.WebConfig) })
	if err != nil {
		s.Faultf(key, "%q cannot be used: %v (%s)", d.WebConfig, err, expectedWeb)
	} else if l.opt.CheckWeb == nil {
		l.webEnds(s, key)
	}
	if d.Listen == "" {
		s.Faultf(key, "protects nothing, because listen is \"\" (remove one of the two)")
	}
}

// webEnds notes when the certificates of the listener expire. They are read like
// every other file of the configuration, so that a renewed one is noticed.
func (l *loader) webEnds(s *section.Section, key string) {
	d, read := &l.config.Daemon, l.config.reader.Read
	text, err := read(d.WebConfig, maxWeb)
	var c web.Config
	if err != nil || yaml.UnmarshalStrict(text, &c) != nil {
		return // checkWeb has just read it: it is being replaced
	}
	for _, f := range []struct{ kind, file, text string }{
		{ownCertificate, c.TLSConfig.TLSCertPath, c.TLSConfig.TLSCert},
		{authority, c.TLSConfig.ClientCAs, c.TLSConfig.ClientCAsText},
	} {
		path, data := d.WebConfig, []byte(f.text)
		if f.file != "" {
			path = besides(d.WebConfig, f.file)
			if data, err = read(path, maxWeb); err != nil {
				continue
			}
		}
		d.WebLimits = append(d.WebLimits, l.note(s, ending{key, f.kind, path, endOf(f.kind, data)})...)
	}
}

// maxWeb limits the size of a web configuration and of its certificates.
const maxWeb = 1 << 20

// besides returns the absolute path of a file that a web configuration names.
func besides(web, name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(web), name)
}

// checkWeb explains in our own words what is wrong with a web configuration.
// The texts of the libraries are not shown: they quote what they could not
// parse, which may be a password if the wrong file is configured.
func checkWeb(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return errors.New(systemWords(err))
	}
	var c web.Config
	if err := yaml.UnmarshalStrict(text, &c); err != nil {
		return errors.New(lineOf(err) + " cannot be parsed")
	}
	t := &c.TLSConfig
	for _, named := range []struct{ key, file string }{
		{"cert_file", t.TLSCertPath}, {"key_file", t.TLSKeyPath}, {"client_ca_file", t.ClientCAs},
	} {
		if named.file == "" {
			continue
		}
		if _, err := os.ReadFile(besides(file, named.file)); err != nil {
			return fmt.Errorf("the file that tls_server_config.%s names: %s", named.key, systemWords(err))
		}
	}
	switch err := web.Validate(file); {
	case err == nil:
		return nil
	case !t.IsEnabled():
		return errors.New("http_server_config or basic_auth_users contains a value that is not allowed")
	}
	return errors.New("tls_server_config is incomplete, or its certificate and key are not PEM, or do not match")
}

var yamlLine = regexp.MustCompile(`line \d+`)

// lineOf returns the line number in a YAML error and nothing else of it.
func lineOf(err error) string {
	if line := yamlLine.FindString(err.Error()); line != "" {
		return line
	}
	return "it"
}

// systemWords returns only the system's reason, without the path.
func systemWords(err error) string {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	return "it cannot be read"
}

// hosts reads the host names under which the listener may be addressed.
func (l *loader) hosts(s *section.Section) {
	const key = "hosts"
	for _, name := range s.Texts(key) {
		if !hostName.MatchString(name) {
			s.Faultf(key, "%q is not a host name (expected a name without port, such as \"tokens.example.com\")", name)
			continue
		}
		if _, err := netip.ParseAddr(name); err == nil {
			s.Faultf(key, "%q is an address (expected a name: addresses are always allowed)", name)
			continue
		}
		l.config.Daemon.Hosts = append(l.config.Daemon.Hosts, strings.ToLower(name))
	}
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?$`)
