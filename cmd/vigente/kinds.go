package main

import (
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/arqged"
	"github.com/vigented/vigente/providers/exec"
	"github.com/vigented/vigente/providers/http"
	"github.com/vigented/vigente/providers/integracontador"
	"github.com/vigented/vigente/providers/oauth2"
	"github.com/vigented/vigente/providers/senhasegura"
	"github.com/vigented/vigente/providers/tss"
	"github.com/vigented/vigente/sinks"
	"github.com/vigented/vigente/sinks/env"
	"github.com/vigented/vigente/sinks/file"
	"github.com/vigented/vigente/sinks/ini"
)

// providerKinds returns all kinds of provider, sorted by name.
func providerKinds() []providers.Kind {
	return []providers.Kind{
		arqged.Kind(),
		exec.Kind(),
		http.Kind(),
		integracontador.Kind(),
		oauth2.Kind(),
		senhasegura.Kind(),
		tss.Kind(),
	}
}

// sinkKinds returns all kinds of sink, sorted by name.
func sinkKinds() []sinks.Kind {
	return []sinks.Kind{env.Kind(), file.Kind(), ini.Kind()}
}
