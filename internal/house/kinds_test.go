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

// kindPlaces are the files besides a kind's own folder that know kinds by name,
// each with its reason. A new kind needs a line in the first one only: the rest
// is what some kinds have beyond the contract.
var kindPlaces = map[string]string{
	"cmd/vigente/kinds.go":            "the catalogue",
	"cmd/vigente/emulators.go":        "the emulated backends, of the kinds that have one",
	"cmd/vigente/emulate.go":          "the emulators with flags of their own: a preset, a command that prints",
	"cmd/vigente/certificates.go":     "test certificates for the one emulator that issues them",
	"cmd/vigente/presets.go":          "the presets, which one kind has",
	"cmd/vigente/demo/stations.go":    "the backends of the demonstration",
	"cmd/vigente/demo/fleet.go":       "the fleet of the demonstration",
	"e2e/e2etest/life.go":             "worlds of the tests stand on two emulators",
	"internal/bench/measure.go":       "the configuration of the benchmark",
	"providers/senhasegura/config.go": "one of its ways to authenticate is called like a kind",
}

// plainWords are names of kinds that mean much else: they are looked for in
// imports only.
var plainWords = []string{"http", "exec", "file", "env"}

// TestAKindIsKnownInItsFolder holds that adding a kind touches its own folder,
// the catalogue, a row in the two READMEs and the example: no other Go file
// imports a kind or holds its name.
func TestAKindIsKnownInItsFolder(t *testing.T) {
	all := sources(t)
	kinds := kindFolders(all)
	if len(kinds) < 10 {
		t.Fatalf("found the kinds %v only", kinds)
	}
	used := map[string]bool{}
	known := func(s source, n ast.Node, what string) {
		if _, listed := kindPlaces[s.file]; listed {
			used[s.file] = true
			return
		}
		t.Errorf("%s %s: a kind is known in its folder and in cmd/vigente/kinds.go; ask the catalogue, or list the file with its reason", s.line(n), what)
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
			t.Errorf("%s is listed as one that knows kinds, and does not", file)
		}
	}
}

// kindFolders returns the folder of each kind with its name: those that have a
// function Kind, and what it returns under the key Name.
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
