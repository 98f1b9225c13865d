// Package env is the sink that keeps variables in a file of assignments, for
// one of three readers: EnvironmentFile= of systemd, a shell that sources the
// file, or docker run --env-file.
//
// The reader gets exactly the value, or the value is refused. All that does not
// belong to the managed variables stays byte for byte; a file in which
// assignments cannot be told from other text is refused and stays as it is.
package env

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/atomicfile"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
	"github.com/vigented/vigente/sinks/filesink"
)

// Kind is the line of the catalogue.
func Kind() sinks.Kind {
	return sinks.Kind{Name: "env", Open: open, Setup: &sinks.Setup{Path: "Path of the environment file", Value: "Variable for the"}}
}

func open(s *section.Section, env sinks.Env) sinks.Binding {
	f, b := filesink.Common(s, env)
	k := &variables{
		texts: sinks.ReadTexts(s, "values"),
		style: Style(s.Choice("style", string(Systemd), string(Systemd), string(Shell), string(Docker))),
	}
	b.Sink = &filesink.Sink{File: f, Texts: k.texts, Format: k}
	b.Refs = sinks.Refs(k.texts)
	b.Claims = k.check(s)
	return b
}

// variables is the format that keeps variables for one reader.
type variables struct {
	style Style
	texts []sinks.Text
}

// check reports names and texts that the style cannot carry, and returns what
// the sink claims of the file.
func (k *variables) check(s *section.Section) []sinks.Claim {
	var claims []sinks.Claim
	for _, t := range k.texts {
		if !isName(t.Name) {
			s.Faultf(t.At, "is not a valid variable name (expected letters, digits and underscores, not starting with a digit)")
		}
		if _, err := k.style.dialect().quote(t.Name, t.Placeholder().Reveal()); err != nil {
			s.Faultf(t.At, "%v", err)
		}
		claims = append(claims, sinks.Claim{Part: t.Name, Key: t.At})
	}
	return claims
}

// Edit implements filesink.Format. A file that is empty, or ends within a quote, may be in
// the middle of a save by an editor.
func (k *variables) Edit(values []credential.Secret) filesink.Edit {
	pairs := k.pairs(values)
	return func(old []byte, exists, settled bool) ([]byte, error) {
		if exists && len(old) == 0 && !settled {
			return nil, atomicfile.ErrUnready
		}
		content, err := Edit(old, k.style, pairs)
		if r, ok := errors.AsType[*Refusal](err); ok && r.torn && !settled {
			return nil, fmt.Errorf("%w: %w", atomicfile.ErrUnready, r)
		}
		return content, err
	}
}

func (k *variables) pairs(values []credential.Secret) []Pair {
	pairs := make([]Pair, len(values))
	for i, t := range k.texts {
		pairs[i] = Pair{Key: t.Name, Value: values[i]}
	}
	return pairs
}

// Inspect implements filesink.Format. It sees the values as the reader does.
func (k *variables) Inspect(content []byte, values []credential.Secret) (sinks.Finding, error) {
	edited, err := Edit(content, k.style, k.pairs(values))
	if err != nil {
		return sinks.Finding{}, err
	}
	if bytes.Equal(edited, content) {
		return sinks.Finding{}, nil
	}
	f := sinks.Judge(sinks.ByName(k.texts, values), read(content, k.style))
	if f.State == sinks.Same {
		// Some version of the reader does not see a variable.
		f.State = sinks.Missing
	}
	return f, nil
}

// read returns the values in a file that is understood, as often as they stand
// there. One that the reader computes is spoiled.
func read(content []byte, style Style) []sinks.Seen {
	readings, err := style.dialect().read(content)
	if err != nil {
		return nil
	}
	var seen []sinks.Seen
	for i, list := range readings {
		for _, a := range list {
			if i == 0 || !slices.Contains(readings[0], a) {
				seen = append(seen, sinks.Seen{Name: a.key, Value: credential.NewSecret(a.value), Spoiled: !a.literal})
			}
		}
	}
	return seen
}
