// Package ini is the sink that maintains keys in one section of an INI file,
// such as the token in the appserver.ini of a TOTVS AppServer.
//
// That program reads and writes the file, and people edit it by hand with
// various encodings. The edit therefore works on bytes and changes nothing
// except the managed values; a malformed file is refused and left unchanged.
package ini

import (
	"errors"
	"fmt"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/atomicfile"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
	"github.com/vigented/vigente/sinks/filesink"
)

// Kind returns the kind.
func Kind() sinks.Kind {
	return sinks.Kind{Name: "ini", Open: open, Setup: &sinks.Setup{Path: "Path of the INI, which must be there", Value: "Key for the", Section: true}}
}

func open(s *section.Section, env sinks.Env) sinks.Binding {
	f, b := filesink.Common(s, env)
	f.Options.Backup = s.Bool("backup", false)
	k := &keys{
		path: f.Path, section: s.Required("section"), texts: sinks.ReadTexts(s, "values"),
		createSection: s.Bool("create_section", false), createFile: s.Bool("create_file", false),
	}
	b.Sink = &filesink.Sink{File: f, Texts: k.texts, Format: k}
	b.Refs = sinks.Refs(k.texts)
	b.Claims = k.check(s)
	return b
}

// keys is the format that maintains keys in one section.
type keys struct {
	path, section             string
	texts                     []sinks.Text
	createSection, createFile bool
}

// check reports names and texts that an INI file cannot contain, and returns
// the sink's claims.
func (k *keys) check(s *section.Section) []sinks.Claim {
	if k.section != "" {
		if err := checkName(k.section); err != nil {
			s.Faultf("section", "%v", err)
		}
	}
	var claims []sinks.Claim
	first := map[string]string{}
	for _, t := range k.texts {
		if err := checkName(t.Name); err != nil {
			s.Faultf(t.At, "the name %v", err)
		} else if other := first[fold(t.Name)]; other != "" {
			s.Faultf(t.At, "is the same key as %s, because INI keys are not case-sensitive (expected each key once)", other)
		}
		first[fold(t.Name)] = t.At
		if p := t.Placeholder(); !p.IsZero() {
			if err := checkValue(p); err != nil {
				s.Faultf(t.At, "%v", err)
			}
		}
		claims = append(claims, sinks.Claim{Part: fold(k.section + "/" + t.Name), Key: t.At})
	}
	return claims
}

// Edit implements filesink.Format. If the file is missing, empty or without the
// section, the AppServer or an editor may be saving it.
func (k *keys) Edit(values []credential.Secret) filesink.Edit {
	pairs := make([]Pair, len(values))
	for i, t := range k.texts {
		pairs[i] = Pair{Key: t.Name, Value: values[i]}
	}
	return func(old []byte, exists, settled bool) ([]byte, error) {
		if !exists && !(settled && k.createFile) {
			return nil, maybe(settled, refusalf("the file does not exist (create it, correct the path, or set create_file = true)"))
		}
		opt := EditOptions{CreateSection: settled && k.createSection || !exists}
		content, err := Edit(old, k.section, pairs, opt)
		if errors.Is(err, ErrNoSection) {
			return nil, maybe(settled, sinks.Faultf(err, "section [%s] not found in %s: wrong file? (create_section = true adds it)", k.section, k.path))
		}
		if r, ok := errors.AsType[*Refusal](err); ok && r.torn {
			return nil, maybe(settled, r)
		}
		return content, err
	}
}

// maybe marks an error that may be caused by a save in progress, unless the
// file has been in that state for a while.
func maybe(settled bool, err error) error {
	if settled {
		return err
	}
	return fmt.Errorf("%w: %w", atomicfile.ErrUnready, err)
}

// Inspect implements filesink.Format.
func (k *keys) Inspect(content []byte, values []credential.Secret) (sinks.Finding, error) {
	names := make([]string, len(k.texts))
	for i, t := range k.texts {
		names[i] = t.Name
	}
	seen, err := read(content, k.section, names)
	if err != nil {
		return sinks.Finding{}, err
	}
	return sinks.Judge(sinks.ByName(k.texts, values), seen), nil
}
