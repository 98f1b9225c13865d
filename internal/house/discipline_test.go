package house_test

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"testing"
)

// clockReaders may read the clock or wait for time to pass. All other code gets
// the time as a value, so that it can be tested with values and run on a
// virtual clock.
var clockReaders = map[string]string{
	"daemon/notify/notify.go":         "when a state began, and when to run its command",
	"daemon/engine/engine.go":         "the engine takes the time of every decision here",
	"daemon/engine/turn.go":           "rate limits on calls and events",
	"daemon/engine/heartbeat.go":      "the heartbeat uses the monotonic clock",
	"daemon/commands/values.go":       "the timestamp of a signature made on request",
	"daemon/commands/commands.go":     "a pause of some length begins now",
	"daemon/commands/login.go":        "a login happens now, and the device flow polls at the server's interval",
	"cmd/vigente/landing.go":          "does not keep a browser waiting that comes too early",
	"daemon/daemon.go":                "gives the loader the clock, for what it shows to people",
	"daemon/reload.go":                "when the configuration was loaded, for people",
	"daemon/systemd.go":               "watchdog notifications at a fixed interval",
	"daemon/cluster/cluster.go":       "the clock of a machine, which tests replace",
	"daemon/cluster/follow.go":        "checks etcd at a fixed interval, and waits for records that are not shared yet",
	"daemon/cluster/clocks.go":        "compares the Date of the engine with our clock, for one examination",
	"daemon/cluster/pace.go":          "an intent that does not come back keeps no call waiting",
	"daemon/cluster/etcd.go":          "how long etcd took to answer",
	"daemon/cluster/user.go":          "how long a refused user rests",
	"daemon/store/mark.go":            "updates the mark of a sealed state at most once a minute",
	"daemon/doctor/doctor.go":         "compares the Date header of a server with our clock",
	"daemon/eventlog/queue.go":        "waits briefly for the reader of the log when stopping",
	"daemon/web/bounded.go":           "disconnects a client that stops reading",
	"daemon/web/listener.go":          "retries an address that is in use",
	"daemon/web/share.go":             "caches an answer briefly",
	"daemon/web/pace.go":              "answers to greedy readers have a pace",
	"internal/turnstile/turnstile.go": "pauses after expensive work for longer than the work took",
	"daemon/control/renew.go":         "says after a moment what a requested renewal waits for",
	"daemon/control/client.go":        "polls for what the command waits for",
	"daemon/config/ends.go":           "reports expired certificates of the daemon and warns of those about to expire",
	"daemon/eventlog/limits.go":       "checks the limits every few minutes",
	"daemon/transport/transport.go":   "compares the Date header of a server with our clock",
	"internal/atomicfile/system.go":   "waits briefly for another writer to finish, and tells how old a change is",
	"cmd/vigente/run.go":              "distinguishes failures of this run from those of an earlier one",
	"cmd/vigente/signals.go":          "distinguishes a second Ctrl-C from a repeat of the first",
	"cmd/vigente/simulate.go":         "a simulation starts now by default",
	"cmd/vigente/demo/show.go":        "redraws its table every second",
	"providers/exchange/client.go":    "records when the headers of an answer arrived, to compare that with its Date",
	"providers/tlsconf/ends.go":       "refuses expired certificates and warns of those about to expire",

	"internal/bench/daemon.go":      "measures how long the built binary takes",
	"internal/bench/lag.go":         "measures the built binary while tokens are renewed",
	"internal/bench/measure.go":     "measures the idle binary",
	"internal/bench/outage.go":      "measures an outage of its server",
	"internal/bench/page.go":        "dates the page",
	"internal/bench/server.go":      "its certificate is valid from now",
	"daemon/serve.go":               "stopping does not wait for a hanging disk",
	"daemon/sinkfiles/sinkfiles.go": "watches wait for a start, and not for long",
	"daemon/sinkfiles/sweep.go":     "starting does not wait for it",
	"daemon/watch/watch.go":         "waits until a file stops changing, and polls where there are no events",
	"daemon/watch/files.go":         "gives an empty file time to be filled",
	"internal/devices/devices.go":   "does not wait for a hanging disk",
	"internal/devices/device.go":    "recognizes a hanging disk by how long a call takes",
	"internal/devices/mounts.go":    "checks the mount table once a second",
}

// starters may start goroutines. Each goroutine has an owner that waits for it.
var starters = map[string]string{
	"daemon/engine/turn.go":           "ends a wait for a turn when the engine stops",
	"daemon/engine/workers.go":        "the workers; the loop waits for them",
	"daemon/control/renew.go":         "says what a renewal waits for; sends nothing after the answer has ended",
	"daemon/web/listener.go":          "the server of an address; closing the listener waits for it",
	"daemon/serve.go":                 "the servers; Run waits for them",
	"daemon/eventlog/queue.go":        "writes the log while there is something to write; stopping does not wait for a stalled reader",
	"daemon/doctor/doctor.go":         "the checks of one run; the caller waits for them",
	"daemon/store/queue.go":           "commits, so that a hanging disk blocks no caller; Close waits for it",
	"daemon/membership/membership.go": "the cluster; stopping waits for it, but not for an unreachable etcd",
	"daemon/cluster/follow.go":        "watches etcd and shares records; Run waits for it",
	"daemon/cluster/members.go":       "passes a cool-down on, so that the watch does not wait for the scheduler",
	"daemon/cluster/etcd.go":          "watches for the end of a lease; ends with the client",
	"daemon/store/decode.go":          "decodes on all cores; the caller waits for it",
	"daemon/store/rewrite.go":         "rewrites the state during saves; Close waits for it",
	"daemon/store/mark.go":            "the timer of the mark; Close stops it",
	"daemon/store/store.go":           "closing, which a hanging disk must not block",
	"daemon/simulate/simulate.go":     "simulates independent parts of a plan; the caller waits for them",
	"cmd/vigente/signals.go":          "listens for SIGHUP, which the returned function waits for; and a start that may hang goes on until the program has ended",
	"cmd/vigente/login.go":            "reads standard input while the browser is open; ends with the process",
	"cmd/vigente/landing.go":          "the server for one browser; close stops it",
	"cmd/vigente/emulate.go":          "a server for each emulator; the command waits for them",
	"cmd/vigente/demo/demo.go":        "the daemon behind the display; the command waits for it",
	"daemon/web/share.go":             "the timer that drops a shared answer",
	"daemon/web/serve.go":             "the HTTP server; the caller waits for it",
	"daemon/notify/notify.go":         "the commands of on_failure; Run waits for them",

	"daemon/sinkfiles/sweep.go":   "continues after the start; ends with Run",
	"internal/bench/server.go":    "the token server; ends with the measurement",
	"internal/bench/daemon.go":    "reads what the daemon tells the service manager; ends with the socket",
	"internal/bench/bare.go":      "the calls of the plain program, which waits for them",
	"daemon/watch/watch.go":       "reads events, and does the work on each device; they end with Run, except one that hangs",
	"daemon/watch/files.go":       "the underlying watcher; Run waits for it",
	"internal/devices/devices.go": "one per call; the caller waits for it, but not for a hanging disk",
	"internal/devices/route.go":   "as many as a device has threads; the caller waits for them",
}

// TestClock finds every use of the clock. An entry of the list that is no
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
	compare(t, "only listed files may read the clock", clockReaders, found)
}

// emulated reports whether a folder is an emulator or shared by all emulators.
// Emulators stand in for another machine, which has its own clock.
func emulated(dir string) bool {
	return path.Base(dir) == "emulator" || dir == "providers/emulation"
}

// TestGoroutines finds every place that starts goroutines.
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
				// WaitGroup.Go and similar; AfterFunc of time and context.
				sel, ok := n.Fun.(*ast.SelectorExpr)
				if ok && (sel.Sel.Name == "Go" && len(n.Args) == 1 || sel.Sel.Name == "AfterFunc") {
					found[s.file] = s.line(n) + " calls " + sel.Sel.Name
				}
			}
			return true
		})
	}
	compare(t, "only listed files may start goroutines", starters, found)
}

// compare reports what was found but is not allowed, and what is allowed but
// was not found.
func compare(t *testing.T, rule string, allowed, found map[string]string) {
	t.Helper()
	for file, what := range found {
		if allowed[file] == "" {
			t.Errorf("%s: %s; list the file with a reason, or pass the value in", what, rule)
		}
	}
	for file := range allowed {
		if found[file] == "" {
			t.Errorf("%s is listed but no longer needs to be: %s", file, rule)
		}
	}
}

// selected returns Name if n is pkg.Name.
func selected(n ast.Node, pkg string) (string, bool) {
	sel, ok := n.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	x, ok := sel.X.(*ast.Ident)
	return sel.Sel.Name, ok && x.Name == pkg
}

func imported(s source, p string) bool { return slices.Contains(s.imports(), p) }

// TestNoInit forbids init functions: code that runs before main cannot be
// tested, ordered or disabled.
func TestNoInit(t *testing.T) {
	for _, s := range sources(t) {
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s: init function; call it from main, or build the value where it is used", s.line(f))
			}
		}
	}
}

// TestNoSleepInTests forbids time.Sleep in tests: a test that sleeps is slow or
// wrong. In testing/synctest, sleeping only advances a fake clock.
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

// TestPackageDocs requires one package comment per package, in the file named
// like the package (main.go for a command).
func TestPackageDocs(t *testing.T) {
	files := map[string][]string{} // folder to the files that have one
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
			t.Errorf("%s: package comment in %q, want it once, in %s", dir, docs, want)
		}
	}
}

// TestPackageVariablesAreNotWritten forbids package state, which everything in
// the process and every test would share.
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
				t.Errorf("%s: package variable %s is assigned", s.line(id), id.Name)
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

// root returns the variable of which x is a part.
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
// resolves within one file; anything it leaves unresolved belongs to the
// package.
func local(f *ast.File, id *ast.Ident) bool {
	if id.Obj == nil {
		return false
	}
	return f.Scope.Lookup(id.Name) != id.Obj
}
