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

// source is a parsed Go file.
type source struct {
	file string // slash-separated, relative to the module root
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
		t.Fatalf("found only %d Go files; is this the module root?", len(all))
	}
	return all
}

// line returns the position of a node as FILE:LINE.
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

// arrow says which of our packages a folder may import. A folder may always
// import its own internal packages, and a command its own parts.
type arrow struct {
	from string // a pattern for path.Match
	to   []string
	why  string
}

// arrows are tried in order; the first that matches a folder applies. In to,
// "*" means anything except a command.
var arrows = []arrow{
	{"cmd/*", []string{"*"}, "main assembles everything"},
	{"cmd/*/*", []string{"*"}, "a part of a command that is big enough for its own folder"},
	{"credential", nil, "the shared types depend on nothing"},
	{
		"internal/section",
		[]string{"internal/readfile", "credential", "internal/duration"},
		"a section parses text, durations and secrets, and knows no kind",
	},
	{
		"daemon/schedule",
		[]string{"credential", "internal/duration"},
		"the scheduler only decides, so it must not be able to do I/O",
	},
	{"daemon/plan", []string{"daemon/schedule", "credential"}, "a plan consists of values, independent of who makes or runs it"},
	{
		"daemon/engine",
		[]string{"daemon/plan", "daemon/schedule", "credential", "internal/failpoint", "internal/turnstile"},
		"the engine uses providers, sinks and stores through interfaces",
	},
	{
		"daemon/store",
		[]string{"daemon/engine", "daemon/schedule", "credential", "internal/failpoint"},
		"the store keeps records and decides nothing; the engine defines the Ledger interface",
	},
	{
		"daemon/cluster",
		[]string{"daemon/engine", "daemon/store", "daemon/schedule", "credential", "internal/failpoint"},
		"machines share records through a Ledger; the engine does not know about clusters",
	},
	{"internal/duration", nil, "it parses durations and nothing else"},
	{
		"daemon/disk",
		[]string{"internal/devices", "sinks", "credential"},
		"it bounds any file sink and knows no kind",
	},
	{"internal/getent", []string{"credential", "internal/process"}, "it looks up names in the system and knows nothing about Vigente"},
	{"internal/atomicfile", []string{"internal/failpoint", "internal/getent", "internal/readfile"}, "replacing a file has nothing to do with credentials"},
	{"daemon/watch", []string{"internal/devices", "internal/readfile"}, "a watcher only reports that something may have changed"},
	{
		"daemon/config",
		[]string{"internal/devices", "internal/readfile", "internal/section", "daemon/schedule", "credential"},
		"the configuration knows no kind of provider or sink: it returns sections",
	},
	{
		"daemon/metrics",
		[]string{"daemon/view", "daemon/engine", "daemon/plan", "daemon/schedule", "credential"},
		"metrics receive outcomes and decide nothing",
	},
	{
		"daemon/eventlog",
		[]string{"daemon/engine", "daemon/load", "daemon/notify", "daemon/plan", "daemon/schedule", "credential"},
		"the log receives outcomes and decides nothing",
	},
	{
		"daemon/notify",
		[]string{"daemon/engine", "daemon/plan", "credential", "internal/process", "internal/atomicfile"},
		"it reads the engine's view and decides nothing",
	},
	{
		"daemon/view",
		[]string{"daemon/engine", "daemon/schedule", "credential"},
		"the texts about a state are independent of who shows them",
	},
	{
		"daemon/view/viewtest",
		[]string{"daemon/engine", "daemon/schedule", "credential"},
		"example states for tests",
	},
	{
		"daemon/web",
		[]string{"daemon/view", "daemon/engine", "daemon/plan", "daemon/schedule", "credential", "internal/turnstile"},
		"pages show the engine's view and change nothing",
	},
	{
		"daemon/control",
		[]string{"daemon/cluster", "daemon/view", "daemon/web", "daemon/engine", "daemon/plan", "daemon/schedule", "credential"},
		"the socket passes requests on and decides nothing",
	},
	{
		"daemon/transport",
		[]string{"providers", "internal/getent", "internal/process"},
		"the transport given to providers knows neither the kind nor the daemon",
	},
	{
		"daemon/load",
		[]string{
			"daemon/config", "daemon/plan", "daemon/schedule", "credential", "providers", "sinks",
			"daemon/disk", "internal/section", "internal/devices", "internal/realpath", "internal/getent",
		},
		"the loader knows the kinds passed to it and nothing about running them",
	},
	{
		"daemon/doctor",
		[]string{"daemon/cluster", "daemon/load", "daemon/plan", "daemon/store", "daemon/transport", "credential", "internal/atomicfile", "internal/realpath", "internal/getent", "internal/process"},
		"the doctor checks a plan and looks for its programs, but runs neither",
	},
	{
		"daemon/simulate",
		[]string{"daemon/load", "daemon/plan", "daemon/engine", "daemon/schedule", "credential"},
		"a simulation is a plan, the engine and a virtual clock",
	},
	{
		"daemon/difference",
		[]string{"daemon/config", "daemon/control", "daemon/engine", "daemon/load", "daemon/schedule", "credential", "sinks"},
		"what a reload would do is told of two configurations and the engine's preview",
	},
	{
		"daemon/commands",
		[]string{"daemon/control", "daemon/engine", "credential"},
		"commands are executed on the engine through the roles of a credential; no kind is known",
	},
	{
		"daemon/membership",
		[]string{"daemon/cluster", "daemon/config", "daemon/metrics", "daemon/plan", "daemon/engine", "daemon/store", "daemon/schedule", "credential"},
		"it tells the cluster about the plan, so that neither knows the other",
	},
	{
		"daemon/sinkfiles",
		[]string{"daemon/plan", "daemon/watch", "internal/atomicfile", "internal/devices"},
		"it knows which sink has which file, and no kind of them",
	},
	{"internal/realpath", nil, "it resolves links and nothing else"},
	{
		"daemon",
		[]string{
			"daemon/*", "providers", "sinks", "credential", "internal/section", "internal/atomicfile", "internal/process",
			"internal/devices", "internal/getent", "internal/realpath",
		},
		"the daemon knows the kinds passed to it, none by name",
	},
	{
		"providers",
		[]string{"credential", "internal/section", "internal/process"},
		"the provider interface must not depend on the daemon",
	},
	{
		"providers/exchange",
		[]string{"providers", "providers/tlsconf", "credential", "internal/section", "internal/getent"},
		"HTTP calls and their faults are the same for every kind",
	},
	{
		"providers/tlsconf",
		[]string{"providers", "credential", "internal/section"},
		"TLS settings are the same for every kind",
	},
	{
		"providers/tokens",
		[]string{"providers/exchange", "credential"},
		"a token request and its answer are the same for every kind",
	},
	{"providers/internal/*", nil, "CPF and CNPJ numbers are arithmetic"},
	{
		"providers/providertest",
		[]string{"providers", "providers/exchange", "providers/tlsconf", "credential", "internal/section"},
		"the contract is the same for every kind",
	},
	{
		"providers/emulation",
		[]string{"providers"},
		"the faults of emulated backends are independent of vendor and client",
	},
	{
		"providers/*",
		[]string{"providers", "providers/exchange", "providers/tlsconf", "providers/tokens", "providers/internal/*", "credential", "internal/section", "internal/process"},
		"a kind knows neither the engine nor another kind; commands run like hooks",
	},
	{
		"providers/*/emulator",
		[]string{"providers/emulation"},
		"an emulator is written from the vendor's documentation; code shared with the client would share its mistakes",
	},
	{
		"sinks",
		[]string{"internal/process", "credential", "internal/section"},
		"the sink interface must not depend on the daemon",
	},
	{
		"sinks/filesink",
		[]string{"sinks", "internal/atomicfile", "credential", "internal/section"},
		"code shared by file sinks knows no kind",
	},
	{
		"sinks/sinktest",
		[]string{"sinks", "credential", "internal/section"},
		"the contract is the same for every kind",
	},
	{
		"sinks/*",
		[]string{"sinks", "sinks/filesink", "internal/atomicfile", "credential", "internal/section"},
		"a sink receives values and never requests one",
	},
	{"internal/turnstile", nil, "it limits concurrent work of any kind"},
	{"internal/devices", nil, "the limits of a device do not depend on the work"},
	{"internal/bench", nil, "it measures the built binary from outside"},
	{"internal/readfile", nil, "it reads files and knows nothing about Vigente"},
	{"internal/house/papers", nil, "it parses Markdown for tests"},
	{"docs", nil, "documents that the program shows"},
	{"internal/needs", nil, "it is only about tests"},
	{"internal/process", []string{"credential"}, "children receive and print secrets"},
	{"internal/failpoint", nil, "it marks failpoints and knows none of them"},
	{"e2e/*", nil, "it drives the built binary from outside"},
}

// TestArrows checks the imports of all code except tests.
func TestArrows(t *testing.T) {
	used := map[string]bool{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		a, ok := arrowOf(s.dir)
		if !ok {
			t.Errorf("%s: the folder %s has no entry in arrows; add one with its reason", s.file, s.dir)
			continue
		}
		used[a.from] = true
		for _, p := range s.imports() {
			to, own := strings.CutPrefix(p, module+"/")
			if own && !a.allows(s.dir, to) {
				t.Errorf("%s imports %s, which is forbidden in %s: %s", s.file, to, s.dir, a.why)
			}
		}
	}
}

func arrowOf(dir string) (arrow, bool) {
	// A folder below internal follows the rules of the folder above it.
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

// room says which folders may import a library.
type room struct {
	library string
	in      []string
	why     string
}

// foreign lists third-party libraries. Each is used in few places, so that it
// can be replaced. A library not listed here may not be imported at all.
var foreign = []room{
	{"github.com/robfig/cron/v3", []string{"daemon/schedule"}, "its parser needs a guard, which is there; its runner would be a second scheduler"},
	{"go.etcd.io/etcd/client/v3", []string{"daemon/cluster"}, "only one package knows etcd"},
	{"go.etcd.io/etcd/api/v3", []string{"daemon/cluster"}, "errors and messages of the etcd client"},
	{"google.golang.org/grpc", []string{"daemon/cluster"}, "codes and options of the etcd client"},
	{"github.com/anishathalye/porcupine", nil, "a test judges histories of several machines with it"},
	{"go.etcd.io/bbolt", nil, "tests create the states of earlier versions with it"},
	{"github.com/pelletier/go-toml/v2", []string{"internal/section"}, "a single parser gives every fault its line"},
	{"github.com/prometheus/client_golang", []string{"daemon", "daemon/metrics", "daemon/web", "cmd/vigente"}, "providers and sinks return outcomes and count nothing"},
	{"github.com/prometheus/exporter-toolkit", []string{"daemon/web", "daemon/config"}, "one listener; its file is checked together with the configuration"},
	{"go.yaml.in/yaml/v2", []string{"daemon/web", "daemon/config"}, "the listener's file is YAML; the error texts of its own library quote the file"},
	{"go.uber.org/zap", []string{"daemon", "daemon/cluster", "daemon/control", "daemon/eventlog", "daemon/membership", "daemon/web", "cmd/vigente", "cmd/vigente/demo"}, "providers and sinks return errors and log nothing; the etcd client gets a silent logger"},
	{"github.com/coreos/go-systemd/v22", []string{"daemon", "cmd/vigente"}, "only one place talks to the service manager"},
	{"github.com/spf13/pflag", []string{"cmd/vigente"}, "distinguishes a mistyped flag from other mistakes"},
	{"github.com/cpuguy83/go-md2man/v2", []string{"cmd/vigente"}, "man pages are written in Markdown"},
	{"github.com/spf13/cobra", []string{"cmd/vigente"}, "flags are translated into options in the command"},
	{"golang.org/x/text", []string{"daemon/load", "daemon/web", "providers/http"}, "CSV tables and XML answers come in various encodings, and only the status page has more than one language"},
	{"golang.org/x/crypto", nil, "the listener's library checks passwords; a test creates one"},
	{"golang.org/x/time", []string{"daemon/web"}, "a plain rate limit for answers; calls are limited by the scheduler"},
	{"golang.org/x/term", []string{"cmd/vigente"}, "only commands use a terminal"},
	{"golang.org/x/sys", []string{"daemon/doctor", "internal/atomicfile", "internal/devices", "daemon/engine", "daemon/store", "daemon/watch", "internal/process", "cmd/vigente"}, "system calls are wrapped"},
	{"github.com/russellhaering/goxmldsig", nil, "signatures are made by our own code; tests verify them with a library"},
	{"github.com/beevik/etree", nil, "XML is built by our own code; tests parse it with a library"},
	{"github.com/golang-jwt/jwt/v5", []string{"providers/oauth2"}, "assertions are signed in one place; tokens are not verified here"},
	{"software.sslmate.com/src/go-pkcs12", []string{"providers/tlsconf", "cmd/vigente"}, "PKCS#12 files are opened in one place for every kind; a rehearsal makes some"},
}

// standard lists packages of the standard library with effects outside the
// process.
var standard = []room{
	{"os/exec", []string{"internal/bench", "internal/process", "internal/needs", "cmd/vigente"}, "programs are run in one way, without a shell; the doctor runs systemctl, as root would"},
	{"os/signal", []string{"cmd/vigente"}, "signals are translated into calls in the command"},
	{"math/rand", nil, "jitter is a hash, so that a plan can be explained and repeated"},
	{"math/rand/v2", nil, "jitter is a hash, so that a plan can be explained and repeated"},
	{"log", nil, "there is one logger, and it is passed in"},
	{"log/slog", []string{"credential", "daemon/web"}, "there is one logger, and it is passed in; a secret hides itself from slog, and the listener's library gets a silent logger"},
	{"unsafe", nil, "nothing here needs it"},
}

// TestLibraries checks the imports of third-party and standard packages. Tests
// may use any listed third-party library.
func TestLibraries(t *testing.T) {
	for _, s := range sources(t) {
		for _, p := range s.imports() {
			first, _, _ := strings.Cut(p, "/")
			outside := strings.Contains(first, ".") && p != module && !strings.HasPrefix(p, module+"/")
			r, listed := roomOf(p)
			switch {
			case outside && !listed:
				t.Errorf("%s imports %s, a library that is not listed", s.file, p)
			case listed && !s.test && !within(s.dir, r.in):
				t.Errorf("%s imports %s, which is allowed only in %q: %s", s.file, p, r.in, r.why)
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

// TestBoardIsPure keeps the scheduler free of everything but values.
func TestBoardIsPure(t *testing.T) {
	for _, s := range sources(t) {
		if s.dir != "daemon/schedule" || s.test {
			continue
		}
		for _, p := range s.imports() {
			switch p {
			case "context", "io", "io/fs", "os", "sync", "sync/atomic", "crypto/rand", "runtime":
				t.Errorf("%s imports %s: the scheduler must not read the clock, start goroutines or do I/O", s.file, p)
			}
			if p == "net" || strings.HasPrefix(p, "net/") {
				t.Errorf("%s imports %s: the scheduler must not do I/O", s.file, p)
			}
		}
	}
}
