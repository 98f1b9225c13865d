package house_test

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"testing"
)

// clockReaders may read the clock or wait for it. Everything else is handed an
// instant, so that it can be tested with values and run on a virtual clock.
var clockReaders = map[string]string{
	"daemon/notify/notify.go":         "when a state was first seen, and when its command is to be run",
	"daemon/engine/engine.go":         "the conductor: every instant that decides something is taken here",
	"daemon/engine/turn.go":           "a call waits for its turn, and a stream of news for its pace",
	"daemon/engine/heartbeat.go":      "signs of life count by the monotonic clock",
	"daemon/backend.go":               "the timestamp in a signature that was asked for now",
	"daemon/login.go":                 "a login happens now, and a device is asked about at the pace that the server names",
	"cmd/vigente/landing.go":          "does not keep a browser that comes too early",
	"daemon/reload.go":                "when the configuration was loaded, for people",
	"daemon/service.go":               "signs of life to the service manager come at a steady pace",
	"daemon/cluster/cluster.go":       "asks at a steady pace whether the engine answers, and waits for what is not shared yet",
	"daemon/cluster/clocks.go":        "compares the Date of the engine with our clock, for one examination",
	"daemon/cluster/pace.go":          "an intent that does not come back keeps no call waiting",
	"daemon/cluster/etcd.go":          "how long the engine took to answer",
	"daemon/store/mark.go":            "the mark of a sealed state is brought up at most once a minute",
	"daemon/doctor/doctor.go":         "compares the Date of a server with our clock, for one examination",
	"daemon/eventlog/queue.go":        "waits a moment for the reader of the log at the end",
	"daemon/web/bounded.go":           "a peer that takes nothing of its answer for some time is cut off",
	"daemon/web/listener.go":          "an address that is taken is tried again",
	"daemon/web/share.go":             "an answer is shared for a moment",
	"internal/turnstile/turnstile.go": "rests behind costly work for longer than it took",
	"daemon/control/renew.go":         "says what a renewal waits for, a moment after it was asked for",
	"daemon/control/client.go":        "asks again whether what is waited for has come",
	"daemon/limits.go":                "looks at what ends every few minutes",
	"daemon/transport/transport.go":   "compares the Date of a server with our clock",
	"internal/atomicfile/system.go":   "waits a moment for a second writer to finish, and tells how old a change is",
	"cmd/vigente/run.go":              "tells a failure of this run from one of the run before",
	"cmd/vigente/signals.go":          "tells a second Ctrl-C from an echo of the first",
	"cmd/vigente/simulate.go":         "a simulation begins now unless told otherwise",
	"cmd/vigente/demo/show.go":        "redraws its table every second",
	"providers/exchange/client.go":    "notes when the headers of an answer arrived, to compare them with the Date in it",
	"providers/tlsconf/ends.go":       "compares the end of a certificate with today, to refuse or warn of it as it is read",

	"internal/bench/measure.go":   "measures how long the built binary takes",
	"internal/bench/server.go":    "its certificate begins now",
	"daemon/daemon.go":            "does not keep the end waiting for a disk that hangs",
	"daemon/sweep.go":             "does not keep the start waiting",
	"daemon/watch/watch.go":       "lets a file rest, and looks for itself where no events reach",
	"daemon/watch/files.go":       "lets a file that is empty be filled",
	"internal/devices/devices.go": "does not wait for a disk that hangs",
	"internal/devices/device.go":  "tells a disk that hangs by how long a call has been under way",
	"internal/devices/mounts.go":  "compares the mounts with the kernel's once a second",
}

// starters may start goroutines. Each has an owner that waits for them.
var starters = map[string]string{
	"daemon/engine/engine.go":     "the workers; the loop waits for them",
	"daemon/control/renew.go":     "says what a renewal waits for; nothing is sent after its answer is over",
	"daemon/web/listener.go":      "the server of an address; whoever ends the listener waits for it",
	"daemon/daemon.go":            "the servers; Run waits for them",
	"daemon/eventlog/queue.go":    "writes the log while there is something to write; the end does not wait for a reader that stalls",
	"daemon/doctor/doctor.go":     "the checks of one examination; its caller waits for them",
	"daemon/store/queue.go":       "the one that commits, so that a disk that hangs keeps no caller; Close waits for it",
	"daemon/clustered.go":         "the cluster beside the engine; the end waits for it, but not for an engine that does not answer",
	"daemon/cluster/cluster.go":   "follows the engine and shares; Run waits for it",
	"daemon/cluster/members.go":   "hands a cool-down over, so that the watch does not wait for the board",
	"daemon/cluster/etcd.go":      "sees a lease end; ends with the client",
	"daemon/store/decode.go":      "decodes on all processors; its caller waits for it",
	"daemon/store/rewrite.go":     "rewrites the state beside the saves; Close waits for it",
	"daemon/store/mark.go":        "the timer of the mark; Close stops it",
	"daemon/store/store.go":       "the end, which a disk that hangs must not keep",
	"daemon/simulate/simulate.go": "plays parts of a plan that have nothing in common; its caller waits for them",
	"cmd/vigente/signals.go":      "listens for SIGHUP; the returned function waits for it",
	"cmd/vigente/login.go":        "reads standard input beside the browser; it ends with the process",
	"cmd/vigente/landing.go":      "the server for one browser; close ends it",
	"cmd/vigente/emulate.go":      "a server for each emulator; the command waits for them",
	"cmd/vigente/demo/demo.go":    "the daemon beside its display; the command waits for it",
	"daemon/web/share.go":         "the timer that drops an answer that many shared",
	"daemon/web/serve.go":         "the HTTP server; its caller waits for it",
	"daemon/notify/notify.go":     "the commands of on_failure; Run waits for them",

	"daemon/sweep.go":             "goes on behind the start; it ends with Run",
	"internal/bench/server.go":    "the token server; it ends with the measurement",
	"internal/bench/bare.go":      "the calls of the plain program; it waits for them",
	"daemon/watch/watch.go":       "reads events, and one a device for the work on it; they end with Run, but for one that hangs",
	"daemon/watch/files.go":       "the watcher beneath it; Run waits for it",
	"internal/devices/devices.go": "one a call; its caller waits for it, but not for a disk that hangs",
	"internal/devices/route.go":   "as many as a device has threads; their caller waits for them",
}

// TestClock finds the readers of the clock. An entry of the list that is no
// longer needed is an error too.
func TestClock(t *testing.T) {
	reads := []string{"Now", "Since", "Until", "NewTimer", "NewTicker", "After", "AfterFunc", "Tick", "Sleep"}
	found := map[string]string{}
	for _, s := range sources(t) {
		if s.test || emulated(s.dir) {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if name, ok := selected(n, "time"); ok && slices.Contains(reads, name) && imported(s, "time") {
				found[s.file] = s.line(n) + " uses time." + name
			}
			return true
		})
	}
	compare(t, "the clock is read by the engine", clockReaders, found)
}

// emulated reports whether a folder is an emulator, or what all of them share.
// It plays another machine, which has a clock of its own.
func emulated(dir string) bool {
	return path.Base(dir) == "emulator" || dir == "providers/emulation"
}

// TestGoroutines finds where goroutines are started.
func TestGoroutines(t *testing.T) {
	found := map[string]string{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				found[s.file] = s.line(n) + " has a go statement"
			case *ast.CallExpr:
				// WaitGroup.Go and its like; AfterFunc of time and of context.
				sel, ok := n.Fun.(*ast.SelectorExpr)
				if ok && (sel.Sel.Name == "Go" && len(n.Args) == 1 || sel.Sel.Name == "AfterFunc") {
					found[s.file] = s.line(n) + " calls " + sel.Sel.Name
				}
			}
			return true
		})
	}
	compare(t, "goroutines are started by the engine, the servers and the watcher", starters, found)
}

// compare reports what was found and is not allowed, and what is allowed and
// no longer found.
func compare(t *testing.T, rule string, allowed, found map[string]string) {
	t.Helper()
	for file, what := range found {
		if allowed[file] == "" {
			t.Errorf("%s: %s; list the file with its reason, or pass a value in", what, rule)
		}
	}
	for file := range allowed {
		if found[file] == "" {
			t.Errorf("%s is listed but does not need it any more: %s", file, rule)
		}
	}
}

// selected returns the name in pkg.Name.
func selected(n ast.Node, pkg string) (string, bool) {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	x, ok := sel.X.(*ast.Ident)
	return sel.Sel.Name, ok && x.Name == pkg
}

func imported(s source, p string) bool { return slices.Contains(s.imports(), p) }

// TestNoInit refuses init functions: what runs before main cannot be tested,
// ordered or switched off.
func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: an init function; call it from main or build the value where it is used", s.line(f))
			}
		}
	}
}

// TestNoSleepInTests refuses waiting for time to pass: a test that sleeps is
// either slow or wrong. testing/synctest has a clock of its own, in which
// sleeping is the way to advance it.
func TestNoSleepInTests(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test || imported(s, "testing/synctest") {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if name, ok := selected(n, "time"); ok && name == "Sleep" {
				t.Errorf("%s: time.Sleep in a test; wait for the event, or use testing/synctest", s.line(n))
			}
			return true
		})
	}
}

// TestPackageDocs wants one package comment a package, in the file named like
// the package (main.go for a command).
func TestPackageDocs(t *testing.T) {
	files := map[string][]string{} // folder to the files with a comment
	names := map[string]string{}
	for _, s := range sources(t) {
		if s.test {
			continue
		}
		names[s.dir] = s.ast.Name.Name
		files[s.dir] = append(files[s.dir], "")
		if s.ast.Doc != nil {
			files[s.dir] = append(files[s.dir], path.Base(s.file))
		}
	}
	for dir, list := range files {
		docs := slices.DeleteFunc(list, func(f string) bool { return f == "" })
		if want := names[dir] + ".go"; !slices.Equal(docs, []string{want}) {
			t.Errorf("%s: the package comment stands in %q (expected once, in %s)", dir, docs, want)
		}
	}
}

// TestPackageVariablesAreNotWritten refuses state in packages: it is shared by
// everything in the process and by every test.
func TestPackageVariablesAreNotWritten(t *testing.T) {
	all := sources(t)
	vars := map[string]map[string]bool{} // folder to its package variables
	for _, s := range all {
		for _, name := range packageVars(s.ast) {
			if vars[s.dir] == nil {
				vars[s.dir] = map[string]bool{}
			}
			vars[s.dir][name] = true
		}
	}
	for _, s := range all {
		check := func(x ast.Expr) {
			if id := root(x); id != nil && vars[s.dir][id.Name] && !local(s.ast, id) {
				t.Errorf("%s: the package variable %s is written", s.line(id), id.Name)
			}
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				if n.Tok != token.DEFINE {
					for _, x := range n.Lhs {
						check(x)
					}
				}
			case *ast.IncDecStmt:
				check(n.X)
			}
			return true
		})
	}
}

func packageVars(f *ast.File) []string {
	var names []string
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, spec := range g.Specs {
			for _, id := range spec.(*ast.ValueSpec).Names {
				if id.Name != "_" {
					names = append(names, id.Name)
				}
			}
		}
	}
	return names
}

// root returns the variable that x is, or is a part of.
func root(x ast.Expr) *ast.Ident {
	for {
		switch e := x.(type) {
		case *ast.Ident:
			return e
		case *ast.SelectorExpr:
			x = e.X
		case *ast.IndexExpr:
			x = e.X
		case *ast.ParenExpr:
			x = e.X
		default: // through a pointer, or the result of a call
			return nil
		}
	}
}

// local reports whether id is declared inside a function of f. The parser
// resolves within one file: what it leaves open belongs to the package.
func local(f *ast.File, id *ast.Ident) bool {
	if id.Obj == nil {
		return false
	}
	return f.Scope.Lookup(id.Name) != id.Obj
}
