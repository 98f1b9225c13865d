package ini

import (
	"bytes"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/sinks"
)

// read returns the values of keys in a section, once per occurrence. A value
// followed by blanks is spoiled: a reader may include them.
func read(content []byte, section string, keys []string) ([]sinks.Seen, error) {
	if err := checkContent(content); err != nil {
		return nil, err
	}
	s, err := look(content, section, keys)
	if err != nil {
		return nil, err
	}
	seen := make([]sinks.Seen, len(s.hits))
	for i, h := range s.hits {
		raw := content[h.from:h.to]
		value := bytes.Trim(raw, blanks)
		seen[i] = sinks.Seen{Name: keys[h.key], Value: credential.NewSecret(string(value)), Spoiled: len(value) != len(raw)}
	}
	return seen, nil
}
