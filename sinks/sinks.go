// Package sinks is the catalogue of the kinds of sink.
package sinks

import (
	"github.com/vigented/vigente/sinks/env"
	"github.com/vigented/vigente/sinks/file"
	"github.com/vigented/vigente/sinks/ini"
	"github.com/vigented/vigente/sinks/kit"
)

// Catalogue returns every kind of sink, in the order of their names.
func Catalogue() []kit.Kind {
	return []kit.Kind{env.Kind(), file.Kind(), ini.Kind()}
}
