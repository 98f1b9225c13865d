package schedule

import (
	"cmp"
	"encoding/json"
	"slices"
)

// Marks are the versions of the credentials that a sink holds, ordered by name.
// In JSON they are an object by name. With one name, the usual case, a list takes
// a tenth of the memory of a map.
type Marks []CredentialMark

// CredentialMark is the mark of one credential.
type CredentialMark struct {
	Name string
	Mark
}

// Of returns the mark of a credential, or the zero value.
func (m Marks) Of(name string) Mark {
	for i := range m {
		if m[i].Name == name {
			return m[i].Mark
		}
	}
	return Mark{}
}

// Has reports whether there is a mark of the credential.
func (m Marks) Has(name string) bool {
	return slices.ContainsFunc(m, func(c CredentialMark) bool { return c.Name == name })
}

// MarshalJSON implements json.Marshaler.
func (m Marks) MarshalJSON() ([]byte, error) {
	byName := make(map[string]Mark, len(m))
	for _, c := range m {
		byName[c.Name] = c.Mark
	}
	return json.Marshal(byName)
}

// UnmarshalJSON implements json.Unmarshaler.
func (m *Marks) UnmarshalJSON(text []byte) error {
	var byName map[string]Mark
	if err := json.Unmarshal(text, &byName); err != nil {
		return err
	}
	*m = make(Marks, 0, len(byName))
	for name, mark := range byName {
		*m = append(*m, CredentialMark{name, mark})
	}
	slices.SortFunc(*m, func(a, b CredentialMark) int { return cmp.Compare(a.Name, b.Name) })
	return nil
}

// Issued holds digests of the last values written to a sink, ordered by name. In
// JSON it is an object by name.
type Issued []IssuedValues

// IssuedValues are the digests of one name, newest last.
type IssuedValues struct {
	Name    string
	Digests []string
}

// Of returns the digests of a name.
func (s Issued) Of(name string) []string {
	for i := range s {
		if s[i].Name == name {
			return s[i].Digests
		}
	}
	return nil
}

// Sort sorts by name.
func (s Issued) Sort() {
	slices.SortFunc(s, func(a, b IssuedValues) int { return cmp.Compare(a.Name, b.Name) })
}

// MarshalJSON implements json.Marshaler.
func (s Issued) MarshalJSON() ([]byte, error) {
	byName := make(map[string][]string, len(s))
	for _, v := range s {
		byName[v.Name] = v.Digests
	}
	return json.Marshal(byName)
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Issued) UnmarshalJSON(text []byte) error {
	var byName map[string][]string
	if err := json.Unmarshal(text, &byName); err != nil {
		return err
	}
	*s = make(Issued, 0, len(byName))
	for name, digests := range byName {
		*s = append(*s, IssuedValues{name, digests})
	}
	s.Sort()
	return nil
}
