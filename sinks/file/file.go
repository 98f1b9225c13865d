// Package file is the sink that writes a whole file.
//
// The file holds exactly the configured text, with no newline added. A reader
// sees the whole old or the whole new content.
package file

import (
	"context"

	"github.com/vigented/vigente/daemon/credential"
	"github.com/vigented/vigente/daemon/section"
	"github.com/vigented/vigente/sinks/kit"
)

// Kind is the line of the catalogue.
func Kind() kit.Kind { return kit.Kind{Name: "file", Open: open} }

func open(s *section.Section) kit.Binding {
	target, b := kit.Common(s)
	texts := []kit.Text{kit.ReadText(s, "content")}
	b.Sink = &Sink{target: target, texts: texts}
	b.Refs = kit.Refs(texts)
	b.Claims = []kit.Claim{{Key: "path"}}
	return b
}

// Sink keeps one file.
type Sink struct {
	target kit.Target
	texts  []kit.Text // the one text
}

// Deliver implements credential.Sink.
func (s *Sink) Deliver(ctx context.Context, set credential.Set) (bool, error) {
	values, err := kit.Expand(s.texts, set)
	if err != nil {
		return false, err
	}
	return s.target.Deliver(ctx, whole(values[0]))
}

// WouldChange implements kit.Forecaster.
func (s *Sink) WouldChange(ctx context.Context, set credential.Set) (bool, error) {
	values, err := kit.Expand(s.texts, set)
	if err != nil {
		return false, err
	}
	return s.target.WouldChange(ctx, whole(values[0]))
}

// Preflight implements credential.Preflighter.
func (s *Sink) Preflight(ctx context.Context) error {
	return s.target.Preflight(ctx, whole(s.texts[0].Placeholder()))
}

// whole makes the value the content. What a foreign program has emptied, or
// not yet filled, is ours all the same.
func whole(value credential.Secret) kit.Edit {
	return func(_ []byte, _, _ bool) ([]byte, error) { return []byte(value.Reveal()), nil }
}

// Values implements kit.Inspector.
func (s *Sink) Values(set credential.Set) (map[string]credential.Secret, error) {
	values, err := kit.Expand(s.texts, set)
	if err != nil {
		return nil, err
	}
	return kit.ByName(s.texts, values), nil
}

// Inspect implements kit.Inspector.
func (s *Sink) Inspect(ctx context.Context, set credential.Set) (kit.Finding, error) {
	want, err := s.Values(set)
	if err != nil {
		return kit.Finding{}, err
	}
	content, exists, err := s.target.Read(ctx)
	if err != nil {
		return kit.Finding{}, err
	}
	var seen []kit.Seen
	if exists {
		seen = append(seen, kit.Seen{Name: s.texts[0].Name, Value: credential.NewSecret(string(content))})
	}
	return kit.Judge(want, seen), nil
}

var _ interface {
	credential.Preflighter
	kit.Inspector
	kit.Forecaster
} = (*Sink)(nil)
