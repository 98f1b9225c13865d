package section

import "slices"

// Place says where the value of a key stands, for people who have to change it.
type Place struct {
	Table string // "providers.vault"
	Key   string // below it: "client_secret", "author.certificate.file"
	// Where is a file, FILE:LINE of the configuration, or what else holds it.
	Where string
}

// Places returns where the secrets, the keys that may be one, and the files of
// the object stand, in the order of asking.
func (s *Section) Places() []Place { return slices.Clone(s.places) }

// stands notes where the value of a key stands.
func (s *Section) stands(key, where string) {
	p := Place{dotted(s.top.path), dotted(slices.Concat(s.below, []string{key})), where}
	if !s.quiet && !slices.Contains(s.places, p) {
		s.places = append(s.places, p)
	}
}

// whereabouts says where the one key of a reference points to. What it takes to
// change it differs: a variable and systemd's copy are as they were at the
// start of the process.
func (s *Section) whereabouts(e *entry) string {
	switch e.key {
	case "env":
		return "environment variable " + e.node.text + " (restart vigente after the change)"
	case "credential":
		return "systemd credential " + e.node.text + " (change what LoadCredential= names, then restart vigente)"
	}
	return s.absolute(e.node.text)
}
