package section

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/vigented/vigente/daemon/credential"
)

const referenceForm = `write { file = "…" }, { env = "…" } or { credential = "…" }`

// unreadText stands for a secret that is out of reach in a check.
const unreadText = "unread"

// Secret returns the secret that a reference table names: { file = "…" } with
// one trailing newline dropped, { env = "…" }, or { credential = "…" } for a
// systemd credential. It is empty when the key is absent or, after a fault,
// when the secret cannot be had. A plain string is refused.
func (s *Section) Secret(key string) credential.Secret {
	e := s.ask(key)
	if e == nil {
		return credential.Secret{}
	}
	return s.reference(key, s.child(key), e.line, e.node)
}

// RequiredSecret is Secret for a key that must be there.
func (s *Section) RequiredSecret(key string) credential.Secret {
	if s.ask(key) == nil {
		s.Faultf(key, "is missing (expected a reference to the secret: %s)", referenceForm)
		return credential.Secret{}
	}
	return s.Secret(key)
}

// Secrets returns the secrets that an array of references names; nil when the
// key is absent. After a fault the array is shorter than in the file.
func (s *Section) Secrets(key string) []credential.Secret {
	n := s.take(key, kindArray, `an array of references such as [{ file = "…" }]`)
	if n == nil {
		return nil
	}
	secrets := make([]credential.Secret, 0, len(n.items))
	for i, item := range n.items {
		part := key + "\x00" + strconv.Itoa(i)
		if v := s.reference(part, s.child(key), item.line, item); !v.IsZero() {
			secrets = append(secrets, v)
		}
	}
	return secrets
}

// TextOrSecret returns a plain string or the secret of a reference; empty when
// the key is absent.
func (s *Section) TextOrSecret(key string) credential.Secret {
	e := s.ask(key)
	if e == nil {
		return credential.Secret{}
	}
	switch e.node.kind {
	case kindString:
		if e.node.text != "" {
			s.note(key, e.node.text)
		}
		return credential.NewSecret(e.node.text)
	case kindTable:
		return s.reference(key, s.child(key), e.line, e.node)
	}
	s.mismatch(e, s.child(key), `a string in quotes or a reference: `+referenceForm)
	return credential.Secret{}
}

// Unread reports whether the secret at key stands for one that this check
// could not reach: its value means nothing.
func (s *Section) Unread(key string) bool { return s.unread[knownKey{s.table, key}] }

// reference resolves one reference. The value goes into the digest under part.
func (s *Section) reference(part string, path []string, line int, n *node) credential.Secret {
	none := credential.Secret{}
	switch {
	case n.kind == kindString:
		s.record(line, path, "is a plain string (expected a reference to the secret: %s)", referenceForm)
		return none
	case n.kind != kindTable:
		s.record(line, path, "is %s (expected a reference to the secret: %s)", n.kind, referenceForm)
		return none
	case len(n.table.keys) == 0:
		s.record(line, path, "is empty (expected a reference to the secret: %s)", referenceForm)
		return none
	}
	e := n.table.keys[0]
	bad := false
	for _, other := range n.table.keys {
		if !slices.Contains([]string{"file", "env", "credential"}, other.key) {
			s.record(other.line, append(slices.Clone(path), other.key), "unknown key (expected a reference to the secret: %s)", referenceForm)
			bad = true
		}
	}
	if bad {
		return none
	}
	if len(n.table.keys) > 1 {
		s.record(line, path, "names more than one place (expected one of file, env, credential)")
		return none
	}
	at := append(slices.Clone(path), e.key)
	if e.node.kind != kindString {
		s.mismatch(e, at, "a string in quotes")
		return none
	}
	if strings.TrimSpace(e.node.text) == "" {
		s.record(e.line, at, "is empty (expected where the secret is)")
		return none
	}
	v := s.fetch(e, at, knownKey{s.table, strings.Split(part, "\x00")[0]})
	if !v.IsZero() {
		s.note(part, v.Reveal())
	}
	return v
}

// fetch reads the secret that the entry of a reference table names.
func (s *Section) fetch(e *entry, at []string, owner knownKey) credential.Secret {
	name := e.node.text
	path := ""
	switch e.key {
	case "env":
		text := s.reader.opt.Getenv(name)
		if text == "" {
			s.record(e.line, at, "environment variable %s is not set or empty (expected the secret: set it where vigente is started)", quote(name))
		}
		return credential.NewSecret(text)
	case "credential":
		if !plainName.MatchString(name) || name == "." || name == ".." {
			s.record(e.line, at, "%s is no name of a credential (expected the name given to LoadCredential=)", quote(name))
			return credential.Secret{}
		}
		path = s.reader.credentialPath(name)
		if path == "" && s.reader.opt.CredentialsMissingOK {
			s.unread[owner] = true
			return credential.NewSecret(unreadText)
		}
		if path == "" {
			s.record(e.line, at, "there is no $CREDENTIALS_DIRECTORY for credential %s (expected a start by systemd with LoadCredential=%s:…)", quote(name), oneLine(name))
			return credential.Secret{}
		}
	default:
		path = s.absolute(name)
	}
	data, ok := s.slurp(e.line, at, path)
	if !ok {
		return credential.Secret{}
	}
	text := string(trimNewline(data))
	if text == "" {
		s.record(e.line, at, "file %s is empty (expected the secret in it)", quote(path))
	}
	return credential.NewSecret(text)
}

func trimNewline(data []byte) []byte {
	if rest, ok := bytes.CutSuffix(data, []byte("\n")); ok {
		return bytes.TrimSuffix(rest, []byte("\r"))
	}
	return data
}

// slurp reads a file that a key refers to and remembers it.
func (s *Section) slurp(line int, at []string, path string) ([]byte, bool) {
	if !slices.Contains(s.read, path) {
		s.read = append(s.read, path)
	}
	if strings.ContainsRune(path, 0) {
		s.record(line, at, "holds a zero byte (expected a path)")
		return nil, false
	}
	data, err := s.reader.file(path)
	if err != nil {
		s.record(line, at, "%s", unreadable(path, err))
		return nil, false
	}
	return data, true
}

// File reads the file at FilePath(key), such as a CA or a certificate; nil when
// the key is absent or empty or, after a fault, when it cannot be read.
func (s *Section) File(key string) []byte {
	path := s.filePath(key)
	if path == "" {
		return nil
	}
	data, ok := s.slurp(s.table.get(key).line, s.child(key), path)
	if !ok {
		return nil
	}
	if len(bytes.TrimSpace(data)) == 0 {
		s.Faultf(key, "file %s is empty (expected its content)", quote(path))
		return nil
	}
	s.note(key, string(data))
	return slices.Clone(data)
}
