// Package file is the sink that writes a whole file.
//
// The file holds exactly the configured text, with no newline added. A reader
// sees the whole old or the whole new content.
package file

import (
	"context"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
)

// Kind is the line of the catalogue.
func Kind() sinks.Kind { return sinks.Kind{Name: "file", Open: open} }

func open(s *section.Section, env sinks.Env) sinks.Binding {
	target, b := sinks.Common(s, env)
	texts := []sinks.Text{sinks.ReadText(s, "content")}
	b.Sink = &Sink{target: target, texts: texts}
	b.Refs = sinks.Refs(texts)
	b.Claims = []sinks.Claim{{Key: "path"}}
	return b
}

// Sink keeps one file.
type Sink struct {
	target sinks.Target
	texts  []sinks.Text // the one text
}

// Deliver implements credential.Sink.
func (s *Sink) Deliver(ctx context.Context, set credential.Set) (bool, error) {
	values, err := sinks.Expand(s.texts, set)
	if err != nil {
		return false, err
	}
	return s.target.Deliver(ctx, whole(values[0]))
}

// WouldChange implements sinks.Forecaster.
func (s *Sink) WouldChange(ctx context.Context, set credential.Set) (bool, error) {
	values, err := sinks.Expand(s.texts, set)
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
func whole(value credential.Secret) sinks.Edit {
	return func(_ []byte, _, _ bool) ([]byte, error) { return []byte(value.Reveal()), nil }
}

// Values implements sinks.Inspector.
func (s *Sink) Values(set credential.Set) (map[string]credential.Secret, error) {
	values, err := sinks.Expand(s.texts, set)
	if err != nil {
		return nil, err
	}
	return sinks.ByName(s.texts, values), nil
}

// Inspect implements sinks.Inspector.
func (s *Sink) Inspect(ctx context.Context, set credential.Set) (sinks.Finding, error) {
	want, err := s.Values(set)
	if err != nil {
		return sinks.Finding{}, err
	}
	content, exists, err := s.target.Read(ctx)
	if err != nil {
		return sinks.Finding{}, err
	}
	var seen []sinks.Seen
	if exists {
		seen = append(seen, sinks.Seen{Name: s.texts[0].Name, Value: credential.NewSecret(string(content))})
	}
	return sinks.Judge(want, seen), nil
}

var _ interface {
	credential.Preflighter
	sinks.Inspector
	sinks.Forecaster
} = (*Sink)(nil)
