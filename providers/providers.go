// Package providers is the catalogue of backends: one line a kind.
package providers

import (
	"github.com/vigented/vigente/providers/arqged"
	"github.com/vigented/vigente/providers/integracontador"
	"github.com/vigented/vigente/providers/kit"
	"github.com/vigented/vigente/providers/senhasegura"
	"github.com/vigented/vigente/providers/tss"
)

// Catalogue returns every kind of provider, in the order of their names.
func Catalogue() []kit.Kind {
	return []kit.Kind{
		arqged.Kind(),
		integracontador.Kind(),
		senhasegura.Kind(),
		tss.Kind(),
	}
}
