// Package ini is the sink that keeps keys of one section of an INI file, such
// as the token in the appserver.ini of a TOTVS AppServer.
//
// That program reads the file and writes to it, and people edit it by hand in
// editors of every code page. Therefore the edit works on bytes and changes
// nothing but the values it manages; a file that is not understood is refused
// and stays as it is.
package ini

import (
	"context"
	"errors"
	"fmt"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/atomicfile"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
)

// Kind is the line of the catalogue.
func Kind() sinks.Kind { return sinks.Kind{Name: "ini", Open: open} }

func open(s *section.Section, env sinks.Env) sinks.Binding {
	target, b := sinks.Common(s, env)
	target.Options.Backup = s.Bool("backup", false)
	k := &Sink{
		target: target, section: s.Required("section"), texts: sinks.ReadTexts(s, "values"),
		createSection: s.Bool("create_section", false), createFile: s.Bool("create_file", false),
	}
	b.Sink = k
	b.Refs = sinks.Refs(k.texts)
	b.Claims = k.check(s)
	return b
}

// check reports names and texts that an INI cannot hold, and returns what the
// sink claims of the file.
func (k *Sink) check(s *section.Section) []sinks.Claim {
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
			s.Faultf(t.At, "is the same key as %s, since case does not count in an INI (expected each key once)", other)
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

// Sink keeps the keys of one section.
type Sink struct {
	target                    sinks.Target
	section                   string
	texts                     []sinks.Text
	createSection, createFile bool
}

// Deliver implements credential.Sink.
func (k *Sink) Deliver(ctx context.Context, set credential.Set) (bool, error) {
	values, err := sinks.Expand(k.texts, set)
	if err != nil {
		return false, err
	}
	return k.target.Deliver(ctx, k.edit(values))
}

// WouldChange implements sinks.Forecaster.
func (k *Sink) WouldChange(ctx context.Context, set credential.Set) (bool, error) {
	values, err := sinks.Expand(k.texts, set)
	if err != nil {
		return false, err
	}
	return k.target.WouldChange(ctx, k.edit(values))
}

// Preflight implements credential.Preflighter.
func (k *Sink) Preflight(ctx context.Context) error {
	values := make([]credential.Secret, len(k.texts))
	for i, t := range k.texts {
		values[i] = t.Placeholder()
	}
	return k.target.Preflight(ctx, k.edit(values))
}

// edit sets the values. A file that is gone, empty or without the section may
// be in the middle of a save by the AppServer or an editor.
func (k *Sink) edit(values []credential.Secret) sinks.Edit {
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
			return nil, maybe(settled, sinks.Faultf(err, "section [%s] not found in %s: wrong file? (create_section = true adds it)", k.section, k.target.Path))
		}
		if r, ok := errors.AsType[*Refusal](err); ok && r.torn {
			return nil, maybe(settled, r)
		}
		return content, err
	}
}

// maybe marks an error that may come from a save in progress, unless the file
// has been so for a while.
func maybe(settled bool, err error) error {
	if settled {
		return err
	}
	return fmt.Errorf("%w: %w", atomicfile.ErrUnready, err)
}

// Values implements sinks.Inspector.
func (k *Sink) Values(set credential.Set) (map[string]credential.Secret, error) {
	values, err := sinks.Expand(k.texts, set)
	if err != nil {
		return nil, err
	}
	return sinks.ByName(k.texts, values), nil
}

// Inspect implements sinks.Inspector.
func (k *Sink) Inspect(ctx context.Context, set credential.Set) (sinks.Finding, error) {
	want, err := k.Values(set)
	if err != nil {
		return sinks.Finding{}, err
	}
	content, exists, err := k.target.Read(ctx)
	if err != nil {
		return sinks.Finding{}, err
	}
	if !exists {
		return sinks.Judge(want, nil), nil
	}
	keys := make([]string, len(k.texts))
	for i, t := range k.texts {
		keys[i] = t.Name
	}
	seen, err := read(content, k.section, keys)
	if err != nil {
		return sinks.Finding{}, sinks.Faultf(err, "read %s: %v", k.target.Path, err)
	}
	return sinks.Judge(want, seen), nil
}

var _ interface {
	credential.Preflighter
	sinks.Inspector
	sinks.Forecaster
} = (*Sink)(nil)
