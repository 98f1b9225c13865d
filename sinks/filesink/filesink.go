// Package filesink is the common part of all sinks that keep a file: their
// shared keys, delivery, forecast, preflight and inspection.
//
// A kind provides a Format, which edits content and finds values in it.
// Everything that concerns the file itself is here and in atomicfile.
package filesink

import (
	"context"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/atomicfile"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
)

// MaxSize is the largest file that a sink reads or writes.
const MaxSize = 8 << 20

// defaultMode is the mode of files that a sink creates.
const defaultMode = 0o600

// Common reads the keys that every file sink has: path, mode, owner, group, and
// those of sinks.Common. The kind completes the binding it returns.
func Common(s *section.Section, env sinks.Env) (File, sinks.Binding) {
	b := sinks.Common(s, env)
	s.Required("path")
	b.File = s.FilePath("path")
	b.Target = b.File
	return File{Path: b.File, Options: atomicfile.Options{
		Mode: s.Mode("mode", defaultMode), Owner: s.Text("owner", ""), Group: s.Text("group", ""),
		Create: true, MaxSize: MaxSize,
	}}, b
}

// Format is a kind's knowledge about the content of its files. The values are
// those of the sink's texts, in order.
type Format interface {
	// Edit returns the edit that sets the values.
	Edit(values []credential.Secret) Edit
	// Inspect returns what content contains in place of the values.
	Inspect(content []byte, values []credential.Secret) (sinks.Finding, error)
}

// Sink keeps texts in one file.
type Sink struct {
	File   File
	Texts  []sinks.Text
	Format Format
}

// Deliver implements credential.Sink.
func (k *Sink) Deliver(ctx context.Context, set credential.Set) (bool, error) {
	values, err := sinks.Expand(k.Texts, set)
	if err != nil {
		return false, err
	}
	return k.File.Deliver(ctx, k.Format.Edit(values))
}

// WouldChange implements sinks.Forecaster.
func (k *Sink) WouldChange(ctx context.Context, set credential.Set) (bool, error) {
	values, err := sinks.Expand(k.Texts, set)
	if err != nil {
		return false, err
	}
	return k.File.WouldChange(ctx, k.Format.Edit(values))
}

// Preflight implements credential.Preflighter.
func (k *Sink) Preflight(ctx context.Context) error {
	values := make([]credential.Secret, len(k.Texts))
	for i, t := range k.Texts {
		values[i] = t.Placeholder()
	}
	return k.File.Preflight(ctx, k.Format.Edit(values))
}

// Values implements sinks.Inspector.
func (k *Sink) Values(set credential.Set) (map[string]credential.Secret, error) {
	values, err := sinks.Expand(k.Texts, set)
	if err != nil {
		return nil, err
	}
	return sinks.ByName(k.Texts, values), nil
}

// Inspect implements sinks.Inspector.
func (k *Sink) Inspect(ctx context.Context, set credential.Set) (sinks.Finding, error) {
	values, err := sinks.Expand(k.Texts, set)
	if err != nil {
		return sinks.Finding{}, err
	}
	content, err := k.File.Read(ctx)
	switch {
	case err != nil:
		return sinks.Finding{}, err
	case !content.Exists:
		return sinks.Judge(sinks.ByName(k.Texts, values), nil), nil
	}
	found, err := k.Format.Inspect(content.Bytes, values)
	if err != nil {
		return sinks.Finding{}, sinks.Faultf(err, "read %s: %v", k.File.Path, err)
	}
	found.Mark = content.Mark
	return found, nil
}

// Glance implements sinks.Glancer.
func (k *Sink) Glance(set credential.Set) (mark uint64, same bool) {
	values, err := sinks.Expand(k.Texts, set)
	if err != nil {
		return 0, false
	}
	content, plain := atomicfile.ReadPlain(k.File.Path, MaxSize)
	if !plain {
		return 0, false
	}
	found, err := k.Format.Inspect(content.Bytes, values)
	return content.Mark, err == nil && found.State == sinks.Same
}

var _ interface {
	credential.Preflighter
	sinks.Inspector
	sinks.Glancer
	sinks.Forecaster
} = (*Sink)(nil)
