package house_test

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// kindPlaces lists files outside a kind's own folder that name kinds, each with
// a reason. A new kind needs a line in the first one only; the others concern
// features that only some kinds have.
var kindPlaces = map[string]string{
	"cmd/vigente/kinds.go":            "the catalogue",
	"cmd/vigente/emulators.go":        "the emulators",
	"cmd/vigente/emulate.go":          "emulators with their own flags: a preset, a command that prints",
	"cmd/vigente/certificates.go":     "test certificates for the one emulator that issues them",
	"cmd/vigente/presets.go":          "the presets of one kind",
	"cmd/vigente/demo/stations.go":    "the backends of the demonstration",
	"cmd/vigente/demo/fleet.go":       "the fleet of the demonstration",
	"e2e/e2etest/life.go":             "the end-to-end tests use two emulators",
	"internal/bench/daemon.go":        "the configuration of the benchmark",
	"providers/senhasegura/config.go": "one of its authentication methods has the name of a kind",
}

// plainWords are names of kinds that are also common words. They are checked in
// imports only.
var plainWords = []string{"http", "exec", "file", "env"}

// TestAKindIsKnownInItsFolder: adding a kind touches only its own folder, the
// catalogue, a row in both READMEs and the example. No other Go file imports a
// kind or contains its name.
func TestAKindIsKnownInItsFolder(t *testing.T) {
	all := sources(t)
	kinds := kindFolders(all)
	if len(kinds) < 10 {
		t.Fatalf("found only the kinds %v", kinds)
	}
	used := map[string]bool{}
	known := func(s source, n ast.Node, what string) {
		if _, listed := kindPlaces[s.file]; listed {
			used[s.file] = true
			return
		}
		t.Errorf("%s %s: only a kind's folder and cmd/vigente/kinds.go may name it; use the catalogue, or list the file with a reason", s.line(n), what)
	}
	for _, s := range all {
		if s.test && s.dir != "e2e/e2etest" {
			continue
		}
		for _, i := range s.ast.Imports {
			p, _ := strconv.Unquote(i.Path.Value)
			folder := strings.TrimSuffix(strings.TrimPrefix(p, module+"/"), "/emulator")
			if kinds[folder] != "" && s.dir != folder && !strings.HasPrefix(s.dir, folder+"/") {
				known(s, i, "imports "+folder)
			}
		}
		if s.test {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, _ := strconv.Unquote(lit.Value)
			for folder, name := range kinds {
				outside := s.dir != folder && !strings.HasPrefix(s.dir, folder+"/")
				named := text == name || strings.Contains(text, `"`+name+`"`)
				if outside && named && !slices.Contains(plainWords, name) {
					known(s, lit, "names "+name)
				}
			}
			return true
		})
	}
	for file := range kindPlaces {
		if !used[file] {
			t.Errorf("%s is listed but names no kind", file)
		}
	}
}

// kindFolders maps the folder of each kind to its name: folders with a function
// Kind, and the Name that it returns.
func kindFolders(all []source) map[string]string {
	kinds := map[string]string{}
	for _, s := range all {
		top := path.Dir(s.dir)
		if s.test || top != "providers" && top != "sinks" {
			continue
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || f.Name.Name != "Kind" {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if pair, ok := n.(*ast.KeyValueExpr); ok {
					key, isName := pair.Key.(*ast.Ident)
					if value, ok := pair.Value.(*ast.BasicLit); ok && isName && key.Name == "Name" {
						kinds[s.dir], _ = strconv.Unquote(value.Value)
					}
				}
				return true
			})
		}
	}
	return kinds
}
