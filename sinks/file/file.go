// Package file is the sink that writes a whole file.
//
// The file contains exactly the configured text, without an added newline. A
// reader sees either the old or the new content in full.
package file

import (
	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
	"github.com/vigented/vigente/sinks/filesink"
)

// Kind returns the kind.
func Kind() sinks.Kind {
	return sinks.Kind{Name: "file", Open: open, Setup: &sinks.Setup{Path: "Path of the file", Content: "content"}}
}

func open(s *section.Section, env sinks.Env) sinks.Binding {
	f, b := filesink.Common(s, env)
	text := sinks.ReadText(s, "content")
	texts := []sinks.Text{text}
	b.Sink = &filesink.Sink{File: f, Texts: texts, Format: whole{text.Name}}
	b.Refs = sinks.Refs(texts)
	b.Claims = []sinks.Claim{{Key: "path"}}
	return b
}

// whole is the format in which the single value is the content.
type whole struct{ name string }

// Edit implements filesink.Format. A file that another program has emptied is
// still overwritten.
func (whole) Edit(values []credential.Secret) filesink.Edit {
	return func(_ []byte, _, _ bool) ([]byte, error) { return []byte(values[0].Reveal()), nil }
}

// Inspect implements filesink.Format.
func (w whole) Inspect(content []byte, values []credential.Secret) (sinks.Finding, error) {
	want := map[string]credential.Secret{w.name: values[0]}
	return sinks.Judge(want, []sinks.Seen{{Name: w.name, Value: credential.NewSecret(string(content))}}), nil
}
