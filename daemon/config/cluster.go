package config

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/url"
	"os"
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
)

// Cluster configures how several machines share credentials.
type Cluster struct {
	// Endpoints is empty without a cluster.
	Endpoints []string
	Prefix    string
	TLS       *tls.Config // nil for plain http
	Username  string
	Password  credential.Secret
	Key       [32]byte
	OldKeys   [][32]byte
	Node      string
	Alone     string
}

const tableCluster = "cluster"

// clusterSettings reads the [cluster] table. Without it, there is no cluster.
func (l *loader) clusterSettings(s *section.Section, present bool) {
	c := &l.config.Cluster
	s.Choice("engine", "etcd", "etcd")
	endpoints := s.Texts("endpoints")
	c.Prefix = strings.TrimRight(s.Text("prefix", ""), "/")
	c.Username = s.Text("username", "")
	c.Password = s.Secret("password")
	c.Node = s.Text("node", "")
	c.Alone = s.Choice("alone", "plain", "none", "plain", "all")
	key := s.RawSecret("key")
	old := s.Secrets("old_keys")
	c.TLS = l.clusterTLS(s)
	if present {
		l.requireCluster(s, c, endpoints, key, old)
	}
	l.finish(s)
}

func (l *loader) requireCluster(s *section.Section, c *Cluster, endpoints []string, key credential.Secret, old []credential.Secret) {
	if len(endpoints) == 0 {
		s.Faultf("endpoints", "is missing (expected the addresses of etcd, such as [\"https://10.0.0.1:2379\"])")
	}
	for _, text := range endpoints {
		u, err := url.Parse(text)
		switch {
		case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "":
			s.Faultf("endpoints", "contains an invalid address (expected https://HOST:PORT)")
		case u.Scheme == "http" && !loopback(u.Hostname()):
			s.Faultf("endpoints", "plain http is accepted on loopback only (expected https)")
		}
	}
	if c.Prefix == "" || !strings.HasPrefix(c.Prefix, "/") {
		s.Faultf("prefix", "is missing (expected a path for the keys of this cluster, such as \"/vigente/prod\")")
	}
	if c.Node == "" {
		name, err := os.Hostname()
		if err != nil || name == "" {
			s.Faultf("node", "is missing, and this machine has no name (expected a name for it)")
		}
		c.Node = name
	}
	if strings.ContainsAny(c.Node, "/ \t\n") {
		s.Faultf("node", "is not a valid name (expected one without blanks and slashes)")
	}
	if (c.Username == "") != c.Password.IsZero() && !s.Unread("password") {
		s.Faultf("username", "username and password belong together")
	}
	switch raw, ok := decodeStateKey(key.Reveal()); {
	case s.Unread("key"):
	case key.IsZero():
		s.Faultf("key", "is missing (expected 32 bytes, the same on every machine: everything shared is sealed with it)")
	case !ok:
		s.Faultf("key", "is not a key of 32 bytes (expected 32 bytes raw, as 64 hex digits or as base64; openssl rand -hex 32 generates one)")
	default:
		c.Key = [32]byte([]byte(raw.Reveal()))
	}
	for _, one := range old {
		raw, ok := decodeStateKey(one.Reveal())
		if !ok {
			s.Faultf("old_keys", "contains a key that is not 32 bytes long")
			continue
		}
		c.OldKeys = append(c.OldKeys, [32]byte([]byte(raw.Reveal())))
	}
	c.Endpoints = endpoints
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// clusterTLS reads the trusted CA and the client certificate.
func (l *loader) clusterTLS(s *section.Section) *tls.Config {
	t := s.Table("tls")
	if t == nil {
		return nil
	}
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.Text("server_name", "")}
	if data := t.File("ca_file"); data != nil {
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(data) {
			t.Faultf("ca_file", "contains no certificate (expected PEM)")
		}
		l.note(t, ending{"ca_file", authority, t.FilePath("ca_file"), endOf(authority, data)})
	}
	if own := t.Table("certificate"); own != nil {
		if data := own.File("file"); data != nil {
			pair, err := tls.X509KeyPair(data, data)
			if err != nil {
				own.Faultf("file", "contains no certificate with its key (expected both in PEM)")
			}
			cfg.Certificates = []tls.Certificate{pair}
			l.note(own, ending{"file", ownCertificate, own.FilePath("file"), endOf(ownCertificate, data)})
		}
	}
	return cfg
}
