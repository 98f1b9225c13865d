package section

import "slices"

// Place is the location of a key's value, for people who have to change it.
type Place struct {
	Table string // "providers.vault"
	Key   string // below it: "client_secret", "author.certificate.file"
	// Where is a file, FILE:LINE of the configuration, or another source.
	Where string
}

// Places returns the locations of the object's secrets, of keys that may be secrets, and
// of its files, in the order in which they were asked for.
func (s *Section) Places() []Place { return slices.Clone(s.places) }

// recordPlace records the location of a key's value.
func (s *Section) recordPlace(key, where string) {
	p := Place{dotted(s.top.path), dotted(slices.Concat(s.below, []string{key})), where}
	if !s.quiet && !slices.Contains(s.places, p) {
		s.places = append(s.places, p)
	}
}

// whereabouts returns the location that a reference points to. It distinguishes the
// sources: an environment variable and systemd's copy do not change after the start of the
// process.
func (s *Section) whereabouts(e *entry) string {
	switch e.key {
	case "env":
		return "environment variable " + e.node.text + " (restart vigente after the change)"
	case "credential":
		return "systemd credential " + e.node.text + " (change what LoadCredential= names, then restart vigente)"
	}
	return s.absolute(e.node.text)
}
