package section

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/vigented/vigente/credential"
)

const referenceForm = `write { file = "…" }, { env = "…" } or { credential = "…" }`

// unreadText replaces a secret that a check cannot read.
const unreadText = "unread"

// Secret returns the secret that a reference names: { file = "…" } without one trailing
// newline, { env = "…" }, or { credential = "…" } for a systemd credential, which is also a
// file. It is empty if the key is absent or, after a fault, if the secret cannot be read. A
// plain string is refused.
func (s *Section) Secret(key string) credential.Secret {
	s.describe(key, Key{Form: FormSecret})
	e := s.ask(key)
	if e == nil {
		return credential.Secret{}
	}
	return s.resolve(reference{key: key, part: key, line: e.line, node: e.node})
}

// RawSecret is Secret with the trailing newline, for keys that may be raw bytes.
func (s *Section) RawSecret(key string) credential.Secret {
	s.describe(key, Key{Form: FormSecret})
	e := s.ask(key)
	if e == nil {
		return credential.Secret{}
	}
	return s.resolve(reference{key: key, part: key, line: e.line, node: e.node, raw: true})
}

// RequiredSecret is Secret for a key that must be present.
func (s *Section) RequiredSecret(key string) credential.Secret {
	s.describe(key, Key{Form: FormSecret})
	if s.ask(key) == nil {
		s.Faultf(key, "is missing (expected a reference to the secret: %s)", referenceForm)
		return credential.Secret{}
	}
	return s.Secret(key)
}

// Secrets returns the secrets named by an array of references, or nil if the key is absent.
// After a fault the result is shorter than the array.
func (s *Section) Secrets(key string) []credential.Secret {
	s.describe(key, Key{Form: FormSecrets})
	n := s.take(key, kindArray, `an array of references such as [{ file = "…" }]`)
	if n == nil {
		return nil
	}
	secrets := make([]credential.Secret, 0, len(n.items))
	for i, item := range n.items {
		r := reference{key: key, part: key + "\x00" + strconv.Itoa(i), line: item.line, node: item}
		if v := s.resolve(r); !v.IsZero() {
			secrets = append(secrets, v)
		}
	}
	return secrets
}

// TextOrSecret returns a plain string or the secret of a reference. It is empty if the key
// is absent.
func (s *Section) TextOrSecret(key string) credential.Secret {
	s.describe(key, Key{Form: FormTextOrSecret})
	e := s.ask(key)
	if e == nil {
		return credential.Secret{}
	}
	switch e.node.kind {
	case kindString:
		if e.node.text != "" {
			s.noteLocal(key, e.node.text)
			s.recordPlace(key, fmt.Sprintf("%s:%d", s.file, e.line))
		}
		if what := slip(e.node.text); what != "" {
			s.slips = append(s.slips, Fault{
				File: s.file, Line: e.line, Key: dotted(s.child(key)), Message: what + " (expected the bare value: it is sent as it is)",
			})
		}
		return credential.NewSecret(e.node.text)
	case kindTable:
		return s.resolve(reference{key: key, part: key, line: e.line, node: e.node})
	default:
	}
	s.mismatch(e, s.child(key), `a string in quotes or a reference: `+referenceForm)
	return credential.Secret{}
}

// Unread reports whether the secret or file at key is missing, or cannot be read by this
// check. Its value must then be ignored.
func (s *Section) Unread(key string) bool { return s.unread[tableKey{s.table, key}] }

// reference is a reference to a secret in the file.
type reference struct {
	key  string // of the section
	part string // name of the value in the digest
	line int
	node *node
	raw  bool // keep the trailing newline
}

// resolve checks the form of a reference and reads the secret.
func (s *Section) resolve(r reference) credential.Secret {
	e := s.place(r)
	if e == nil {
		return credential.Secret{}
	}
	v, from, problem := s.fetch(r, e)
	switch {
	case problem != "" && from == "":
		s.record(e.line, s.child(r.key, e.key), "%s", problem)
		return credential.Secret{}
	case problem != "":
		s.miss(e.line, s.child(r.key, e.key), from, "%s", problem)
		v = credential.NewSecret(unreadText)
	case from == "":
		v = credential.NewSecret(unreadText)
	default:
		s.noteLocal(r.part, v.Reveal())
		s.recordPlace(r.key, s.whereabouts(e))
		s.lookAt(r, e, v, from)
		return v
	}
	set(&s.unread, tableKey{s.table, r.key}, true)
	return v
}

// lookAt records where a secret came from, and what in it looks like a mistake made by an
// editor or a form. The server would only say that the secret is wrong.
func (s *Section) lookAt(r reference, e *entry, v credential.Secret, from string) {
	if own := s.table.get(r.key); own != nil && own.node == r.node {
		set(&s.referred, own, from)
	}
	s.lookAtMode(e.line, s.child(r.key, e.key), from)
	if what := slip(v.Reveal()); what != "" && !r.raw {
		s.slips = append(s.slips, Fault{
			File: s.file, Line: e.line, Key: dotted(s.child(r.key, e.key)), Path: from,
			Message: fmt.Sprintf("%s %s (expected the bare secret: it is sent as it is)", from, what),
		})
	}
}

// lookAtMode records that every user of this machine can read a secret.
func (s *Section) lookAtMode(line int, at []string, path string) {
	if s.reader.opt.ReadFile != nil || strings.HasPrefix(path, "$") {
		return
	}
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o004 != 0 {
		s.slips = append(s.slips, Fault{
			File: s.file, Line: line, Key: dotted(at), Path: path,
			Message: fmt.Sprintf("%s can be read by every user of this machine (expected mode 0600 or 0640)", path),
		})
	}
}

// slip says what in a secret is probably a mistake.
func slip(text string) string {
	switch first, last := firstRune(text), lastRune(text); {
	case unicode.IsSpace(first) && unicode.IsSpace(last):
		return "begins and ends with a blank"
	case unicode.IsSpace(first):
		return "begins with a blank"
	case unicode.IsSpace(last):
		return "ends with a blank or an empty line"
	}
	if HoldsInvisible(text) {
		return "holds an invisible character"
	}
	return ""
}

// HoldsInvisible reports whether a text holds a character that nobody sees, or that looks
// like a blank without being one, as copying from a page or a document brings along.
func HoldsInvisible(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		return unicode.Is(unicode.Cf, r) || r != ' ' && unicode.Is(unicode.Zs, r) || r == '\u2028' || r == '\u2029'
	})
}

func firstRune(text string) rune { r, _ := utf8.DecodeRuneInString(text); return r }
func lastRune(text string) rune  { r, _ := utf8.DecodeLastRuneInString(text); return r }

// place returns the only key of a reference, or nil after a fault.
func (s *Section) place(r reference) *entry {
	path := s.child(r.key)
	switch {
	case r.node.kind == kindString:
		s.record(r.line, path, "is a plain string (expected a reference to the secret: %s)", referenceForm)
		return nil
	case r.node.kind != kindTable:
		s.record(r.line, path, "is %s (expected a reference to the secret: %s)", r.node.kind, referenceForm)
		return nil
	case len(r.node.table.keys) == 0:
		s.record(r.line, path, "is empty (expected a reference to the secret: %s)", referenceForm)
		return nil
	}
	unknown := false
	for _, e := range r.node.table.keys {
		if !slices.Contains([]string{"file", "env", "credential"}, e.key) {
			s.record(e.line, s.child(r.key, e.key), "unknown key (expected a reference to the secret: %s)", referenceForm)
			unknown = true
		}
	}
	if unknown {
		return nil
	}
	if len(r.node.table.keys) > 1 {
		s.record(r.line, path, "names more than one place (expected one of file, env, credential)")
		return nil
	}
	e := r.node.table.keys[0]
	if e.node.kind != kindString {
		s.mismatch(e, s.child(r.key, e.key), "a string in quotes")
		return nil
	}
	if strings.TrimSpace(e.node.text) == "" {
		s.record(e.line, s.child(r.key, e.key), "is empty (expected where the secret is)")
		return nil
	}
	return e
}

// variableName matches the name of an environment variable (POSIX, 8.1).
var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// fetch reads the secret that a reference names, and returns its location. A problem without
// a location means the reference itself is wrong. Neither of them means this check cannot
// read the secret. The problem does not quote an invalid name, which may be the secret
// itself.
func (s *Section) fetch(r reference, e *entry) (v credential.Secret, from, problem string) {
	name, none := e.node.text, credential.Secret{}
	switch e.key {
	case "env":
		if !variableName.MatchString(name) {
			return none, "", "is not a valid name of an environment variable (expected letters, digits and _; the secret itself does not belong here)"
		}
		text := s.reader.opt.Getenv(name)
		if text == "" {
			return none, "$" + name, fmt.Sprintf("environment variable %s is not set or empty (expected the secret: set it where vigente is started)", quote(name))
		}
		return credential.NewSecret(text), "$" + name, ""
	case "credential":
		if !plainName.MatchString(name) || name == "." || name == ".." {
			return none, "", "is not a valid name of a credential (expected the name given to LoadCredential=; the secret itself does not belong here)"
		}
		path := s.reader.credentialPath(name)
		if path == "" && s.reader.opt.CredentialsMissingOK {
			return none, "", ""
		}
		if path == "" {
			return none, "$CREDENTIALS_DIRECTORY", fmt.Sprintf("$CREDENTIALS_DIRECTORY is not set, so there is no credential %s (expected a start by systemd with LoadCredential=%s:…)", quote(name), name)
		}
		v, problem = s.readSecret(path, r.raw)
		return v, path, problem
	}
	if problem = pathProblem(name); problem != "" {
		return none, "", problem
	}
	path := s.absolute(name)
	v, problem = s.readSecret(path, r.raw)
	return v, path, problem
}

// readSecret reads a file that holds a secret.
func (s *Section) readSecret(path string, raw bool) (v credential.Secret, problem string) {
	data, problem := s.slurp(path)
	if problem != "" {
		return v, problem
	}
	if !raw {
		data = trimNewline(bytes.TrimPrefix(data, byteOrderMark))
	}
	switch {
	case len(data) == 0:
		return v, fmt.Sprintf("file %q is empty (expected the secret in it)", path)
	case !raw && (bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff"))):
		return v, fmt.Sprintf("file %q is UTF-16 (expected UTF-8: save it as UTF-8)", path)
	}
	return credential.NewSecret(string(data)), ""
}

var byteOrderMark = []byte("\xef\xbb\xbf")

func trimNewline(data []byte) []byte {
	if rest, ok := bytes.CutSuffix(data, []byte("\n")); ok {
		return bytes.TrimSuffix(rest, []byte("\r"))
	}
	return data
}

// slurp reads a file that a key refers to and records its path.
func (s *Section) slurp(path string) (data []byte, problem string) {
	if !slices.Contains(s.read, path) {
		s.read = append(s.read, path)
	}
	data, err := s.reader.file(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	return data, ""
}

// File returns the content of the file at FilePath(key), such as a CA or a certificate,
// without a byte order mark. It is nil if the key is absent or empty or, after a fault, if
// the file cannot be read.
func (s *Section) File(key string) []byte {
	path := s.filePath(key)
	if path == "" {
		return nil
	}
	set(&s.files, s.noted(key), true)
	e := s.table.get(key)
	data, problem := s.slurp(path)
	if problem == "" && len(bytes.TrimSpace(data)) == 0 {
		problem = fmt.Sprintf("file %q is empty (expected its content)", path)
	}
	if problem != "" {
		s.miss(e.line, s.child(key), path, "%s", problem)
		set(&s.unread, tableKey{s.table, key}, true)
		return nil
	}
	set(&s.referred, e, path)
	// Use a part of the key, so that the content is kept if the kind also asks for the
	// path.
	s.noteLocal(key+"\x000", string(data))
	if !bytes.Contains(data, []byte("-----BEGIN ")) || bytes.Contains(data, []byte("PRIVATE KEY")) {
		s.lookAtMode(e.line, s.child(key), path)
	}
	s.recordPlace(key, path)
	return slices.Clone(bytes.TrimPrefix(data, byteOrderMark))
}
