package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// module is the path in go.mod.
const module = "github.com/vigented/vigente"

// source is one parsed Go file.
type source struct {
	file string // slash-separated, from the module's root
	dir  string
	test bool // a test, or a package of tests (providertest)
	fset *token.FileSet
	ast  *ast.File
}

// sources parses every Go file of the module.
func sources(t testing.TB) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		file := filepath.ToSlash(name)
		dir := path.Dir(file)
		test := strings.HasSuffix(file, "_test.go") || strings.HasSuffix(dir, "test")
		all = append(all, source{file, dir, test, fset, f})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("found %d Go files only; is this the root of the module?", len(all))
	}
	return all
}

// line returns where a node stands, as FILE:LINE.
func (s source) line(n ast.Node) string {
	return s.file + ":" + strconv.Itoa(s.fset.Position(n.Pos()).Line)
}

// imports returns the paths a file imports.
func (s source) imports() []string {
	var paths []string
	for _, i := range s.ast.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		paths = append(paths, p)
	}
	return paths
}

// arrow says what a folder may import of our own. A folder may always import
// what lies in its own internal folder, and a command its own parts.
type arrow struct {
	from string // a pattern of path.Match
	to   []string
	why  string
}

// arrows are tried in order; the first that matches a folder counts. "*" in to
// stands for anything but a command.
var arrows = []arrow{
	{"cmd/*", []string{"*"}, "main is where everything is put together"},
	{"cmd/*/*", []string{"*"}, "a part of a command that is big enough for a folder"},
	{"credential", nil, "the nouns of the house depend on nothing"},
	{
		"internal/section",
		[]string{"internal/readfile", "credential", "internal/duration"},
		"a section reads text, durations and secrets, it knows no kind",
	},
	{
		"daemon/schedule",
		[]string{"credential", "internal/duration"},
		"the board only decides: what it does not import it cannot do",
	},
	{"daemon/plan", []string{"daemon/schedule", "credential"}, "a plan is values, whoever made it and whoever runs it"},
	{
		"daemon/engine",
		[]string{"daemon/plan", "daemon/schedule", "credential", "internal/failpoint", "internal/turnstile"},
		"the engine runs any provider, sink and store through the roles",
	},
	{
		"daemon/store",
		[]string{"daemon/engine", "daemon/schedule", "credential", "internal/failpoint"},
		"the store keeps records and decides nothing; the engine names what a ledger is",
	},
	{
		"daemon/cluster",
		[]string{"daemon/engine", "daemon/store", "daemon/schedule", "credential", "internal/failpoint"},
		"machines share records through the ledger; the engine knows nothing of it",
	},
	{"internal/duration", nil, "text to a span of time and nothing else"},
	{
		"daemon/disk",
		[]string{"internal/devices", "sinks", "credential"},
		"it bounds any sink that is a file and knows no kind",
	},
	{"internal/getent", []string{"credential", "internal/process"}, "it asks the system for names and knows nothing of us"},
	{"internal/atomicfile", []string{"internal/failpoint", "internal/getent", "internal/readfile"}, "replacing a file has nothing to do with credentials"},
	{"daemon/watch", []string{"internal/devices", "internal/readfile"}, "a watcher only says that something may have changed"},
	{
		"daemon/config",
		[]string{"internal/devices", "internal/readfile", "internal/section", "daemon/schedule", "credential"},
		"the configuration knows no kind of provider or sink: it hands out sections",
	},
	{
		"daemon/metrics",
		[]string{"daemon/view", "daemon/engine", "daemon/plan", "daemon/schedule", "credential"},
		"metrics are told outcomes and steer nothing",
	},
	{
		"daemon/eventlog",
		[]string{"daemon/engine", "daemon/plan", "daemon/schedule", "credential"},
		"the log is told outcomes and steers nothing",
	},
	{
		"daemon/notify",
		[]string{"daemon/engine", "credential", "internal/process", "internal/atomicfile"},
		"it looks at what the engine shows and steers nothing",
	},
	{
		"daemon/view",
		[]string{"daemon/engine", "daemon/schedule", "credential"},
		"what is said of the state knows nobody who says it",
	},
	{
		"daemon/view/viewtest",
		[]string{"daemon/engine", "daemon/schedule", "credential"},
		"states to be shown in tests",
	},
	{
		"daemon/web",
		[]string{"daemon/view", "daemon/engine", "daemon/plan", "daemon/schedule", "credential", "internal/turnstile"},
		"pages show the engine's view and change nothing",
	},
	{
		"daemon/control",
		[]string{"daemon/cluster", "daemon/view", "daemon/web", "daemon/engine", "daemon/plan", "daemon/schedule", "credential"},
		"the socket passes requests on, it decides nothing",
	},
	{
		"daemon/transport",
		[]string{"providers", "internal/getent", "internal/process"},
		"what a kind of provider is lent knows neither the kind nor the daemon",
	},
	{
		"daemon/load",
		[]string{
			"daemon/config", "daemon/plan", "daemon/schedule", "credential", "providers", "sinks",
			"daemon/disk", "internal/section", "internal/devices", "internal/realpath", "internal/getent",
		},
		"the loader knows the kinds it is handed and nothing that runs",
	},
	{
		"daemon/doctor",
		[]string{"daemon/cluster", "daemon/load", "daemon/plan", "daemon/store", "daemon/transport", "credential", "internal/atomicfile", "internal/realpath", "internal/getent"},
		"the doctor looks at a plan, it runs none",
	},
	{
		"daemon/simulate",
		[]string{"daemon/load", "daemon/plan", "daemon/engine", "daemon/schedule", "credential"},
		"a simulation is a plan, the engine and a clock",
	},
	{"internal/realpath", nil, "links are followed for whoever compares paths"},
	{
		"daemon",
		[]string{
			"daemon/*", "providers", "sinks", "credential", "internal/section", "internal/atomicfile", "internal/process",
			"internal/devices", "internal/getent", "internal/realpath",
		},
		"the daemon knows the kinds it is handed, never one by name",
	},
	{
		"providers",
		[]string{"credential", "internal/section", "internal/process"},
		"what a provider is handed must not know who hands it",
	},
	{
		"providers/exchange",
		[]string{"providers", "providers/tlsconf", "credential", "internal/section", "internal/getent"},
		"one HTTP call and its faults know no kind",
	},
	{
		"providers/tlsconf",
		[]string{"providers", "credential", "internal/section"},
		"whom to trust and what to show know no kind",
	},
	{
		"providers/tokens",
		[]string{"providers/exchange", "credential"},
		"one request for a token and its answer know no kind",
	},
	{"providers/internal/*", nil, "numbers of persons and companies are arithmetic"},
	{
		"providers/providertest",
		[]string{"providers", "providers/exchange", "providers/tlsconf", "credential", "internal/section"},
		"the contract holds for any kind, so it knows none",
	},
	{
		"providers/emulation",
		[]string{"providers"},
		"what every emulated backend does to go wrong knows no vendor and no client",
	},
	{
		"providers/*",
		[]string{"providers", "providers/exchange", "providers/tlsconf", "providers/tokens", "providers/internal/*", "credential", "internal/section", "internal/process"},
		"a kind knows neither the engine nor another kind; a command is run as a hook is",
	},
	{
		"providers/*/emulator",
		[]string{"providers/emulation"},
		"an emulator is written from the vendor's pages; sharing code with the client would share its mistakes",
	},
	{
		"sinks",
		[]string{"internal/process", "credential", "internal/section"},
		"what a sink is handed must not know who hands it",
	},
	{
		"sinks/filesink",
		[]string{"sinks", "internal/atomicfile", "credential", "internal/section"},
		"what kinds that keep a file share knows no kind",
	},
	{
		"sinks/sinktest",
		[]string{"sinks", "credential", "internal/section"},
		"the contract holds for any kind, so it knows none",
	},
	{
		"sinks/*",
		[]string{"sinks", "sinks/filesink", "internal/atomicfile", "credential", "internal/section"},
		"a sink is handed values; it never asks for one",
	},
	{"internal/turnstile", nil, "work takes turns whatever it is"},
	{"internal/devices", nil, "the budget of a device is the same whatever is done on it"},
	{"internal/bench", nil, "it measures the built binary from outside"},
	{"internal/readfile", nil, "reading a file and telling its version knows nothing of us"},
	{"internal/house/papers", nil, "it reads Markdown for the tests"},
	{"docs", nil, "pages that the program shows"},
	{"internal/needs", nil, "it is about tests, not about us"},
	{"internal/process", []string{"credential"}, "a child is handed secrets, and prints them"},
	{"internal/failpoint", nil, "it marks places and knows none of them"},
	{"e2e/*", nil, "it drives the built binary from outside"},
}

// TestArrows holds the imports of everything but tests against the plan.
func TestArrows(t *testing.T) {
	used := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		a, ok := arrowOf(s.dir)
		if !ok {
			t.Errorf("%s: the folder %s has no line among the arrows; add one with its reason", s.file, s.dir)
			continue
		}
		used[a.from] = true
		for _, p := range s.imports() {
			to, own := strings.CutPrefix(p, module+"/")
			if own && !a.allows(s.dir, to) {
				t.Errorf("%s imports %s, which %s must not: %s", s.file, to, s.dir, a.why)
			}
		}
	}
}

func arrowOf(dir string) (arrow, bool) {
	// A folder below internal is bound by the arrows of the folder above it.
	if outer, _, found := strings.Cut(dir, "/internal/"); found {
		dir = outer
	}
	for _, a := range arrows {
		if ok, _ := path.Match(a.from, dir); ok {
			return a, true
		}
	}
	return arrow{}, false
}

func (a arrow) allows(dir, to string) bool {
	if outer, _, found := strings.Cut(dir, "/internal/"); found {
		dir = outer
	}
	if strings.HasPrefix(to, dir+"/internal/") || strings.HasPrefix(dir, "cmd/") && strings.HasPrefix(to, dir+"/") {
		return true
	}
	return slices.ContainsFunc(a.to, func(pattern string) bool {
		if pattern == "*" {
			return !strings.HasPrefix(to, "cmd/")
		}
		ok, _ := path.Match(pattern, to)
		return ok
	})
}

// room says which folders may know a library.
type room struct {
	library string
	in      []string
	why     string
}

// foreign are the libraries of others. Each can be exchanged in one place, and
// one that is not named here may not be imported at all.
var foreign = []room{
	{"github.com/robfig/cron/v3", []string{"daemon/schedule"}, "its parser needs a guard, which stands there; its runner is a second scheduler"},
	{"go.etcd.io/etcd/client/v3", []string{"daemon/cluster"}, "one package knows where machines meet"},
	{"go.etcd.io/etcd/api/v3", []string{"daemon/cluster"}, "the errors and messages of that client"},
	{"google.golang.org/grpc", []string{"daemon/cluster"}, "the codes and options of that client"},
	{"go.etcd.io/bbolt", nil, "tests make the states of earlier versions with it"},
	{"github.com/pelletier/go-toml/v2", []string{"internal/section"}, "one reader gives every fault its line"},
	{"github.com/prometheus/client_golang", []string{"daemon", "daemon/metrics", "daemon/web", "cmd/vigente"}, "providers and sinks return outcomes, they count nothing"},
	{"github.com/prometheus/exporter-toolkit", []string{"daemon/web", "daemon/config"}, "one listener; its file is checked with the configuration"},
	{"go.yaml.in/yaml/v2", []string{"daemon/web", "daemon/config"}, "the listener's file is YAML; its library's texts repeat what is in it"},
	{"go.uber.org/zap", []string{"daemon", "daemon/cluster", "daemon/control", "daemon/eventlog", "daemon/web", "cmd/vigente", "cmd/vigente/demo"}, "providers and sinks return errors, they log nothing; the client of etcd is given a silent one"},
	{"github.com/coreos/go-systemd/v22", []string{"daemon", "cmd/vigente"}, "one place talks to the service manager"},
	{"github.com/spf13/pflag", []string{"cmd/vigente"}, "a mistyped flag is told from other mistakes"},
	{"github.com/cpuguy83/go-md2man/v2", []string{"cmd/vigente"}, "manual pages are written as Markdown"},
	{"github.com/spf13/cobra", []string{"cmd/vigente"}, "flags end where the daemon's options begin"},
	{"golang.org/x/text", []string{"daemon/load", "daemon/web", "providers/http"}, "tables and answers in XML come in the encodings of other programs, and only the page for people speaks more than one language"},
	{"golang.org/x/crypto", nil, "passwords are checked by the listener's library; a test makes one"},
	{"golang.org/x/time", []string{"daemon/web"}, "the pace of answers is nothing of ours; that of calls is the board's"},
	{"golang.org/x/term", []string{"cmd/vigente"}, "only a command knows a terminal"},
	{"golang.org/x/sys", []string{"daemon", "daemon/doctor", "internal/atomicfile", "internal/devices", "daemon/engine", "daemon/store", "daemon/watch", "internal/process", "cmd/vigente"}, "system calls stand behind a name of ours"},
	{"github.com/russellhaering/goxmldsig", nil, "signatures are written by hand; tests verify them with a library"},
	{"github.com/beevik/etree", nil, "no XML is built with a library; tests read it with one"},
	{"github.com/golang-jwt/jwt/v5", []string{"providers/oauth2"}, "assertions are signed in one place; no token is verified here"},
	{"software.sslmate.com/src/go-pkcs12", []string{"providers/tlsconf", "cmd/vigente"}, "certificates are opened once, for every kind; a rehearsal makes some"},
}

// standard are the packages of Go that let the world in.
var standard = []room{
	{"os/exec", []string{"internal/bench", "internal/process", "internal/needs", "cmd/vigente"}, "a program is run in one way, without a shell; the doctor asks systemctl, as root would by hand"},
	{"os/signal", []string{"cmd/vigente"}, "signals are translated into calls before anything of ours runs"},
	{"math/rand", nil, "jitter is a hash, so that a plan can be explained and repeated"},
	{"math/rand/v2", nil, "jitter is a hash, so that a plan can be explained and repeated"},
	{"log", nil, "there is one logger and it is handed in"},
	{"log/slog", []string{"credential", "daemon/web"}, "there is one logger and it is handed in; a secret only hides itself from this one, and the listener's library is given a silent one"},
	{"unsafe", nil, "nothing here is worth it"},
}

// TestLibraries holds the imports of libraries against the lists. Tests may
// use what stands in the list wherever they like.
func TestLibraries(t *testing.T) {
	for _, s := range sources(t) {
		for _, p := range s.imports() {
			first, _, _ := strings.Cut(p, "/")
			outside := strings.Contains(first, ".") && p != module && !strings.HasPrefix(p, module+"/")
			r, listed := roomOf(p)
			switch {
			case outside && !listed:
				t.Errorf("%s imports %s, a library that is not on the list", s.file, p)
			case listed && !s.test && !within(s.dir, r.in):
				t.Errorf("%s imports %s, which belongs into %q only: %s", s.file, p, r.in, r.why)
			}
		}
	}
}

func roomOf(library string) (room, bool) {
	for _, r := range slices.Concat(foreign, standard) {
		if library == r.library || strings.Contains(r.library, ".") && strings.HasPrefix(library, r.library+"/") {
			return r, true
		}
	}
	return room{}, false
}

func within(dir string, folders []string) bool {
	dir, _, _ = strings.Cut(dir, "/internal/")
	return slices.Contains(folders, dir)
}

// TestBoardIsPure keeps the board free of everything but values.
func TestBoardIsPure(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir != "daemon/schedule" || s.test {
			continue
		}
		for _, p := range s.imports() {
			switch p {
			case "context", "io", "io/fs", "os", "sync", "sync/atomic", "crypto/rand", "runtime":
				t.Errorf("%s imports %s: the board reads no clock, starts no goroutine and does no I/O", s.file, p)
			}
			if p == "net" || strings.HasPrefix(p, "net/") {
				t.Errorf("%s imports %s: the board does no I/O", s.file, p)
			}
		}
	}
}
