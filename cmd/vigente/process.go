package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/daemon/control"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/load"
	"github.com/vigented/vigente/daemon/view"
	"github.com/vigented/vigente/internal/process"
)

// defaultConfig is used if neither the flag nor $VIGENTE_CONFIG is set.
const defaultConfig = "/etc/vigente/config.toml"

// Process is the environment that the operating system provides, so that tests can
// replace it.
type Process struct {
	Args           []string // without the program's name
	Getenv         func(string) string
	UID            int
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	early  chan os.Signal // signals that arrive before the command starts
	open   func(daemon.Options) (service, error)
	check  func(daemon.Options) (*load.Checked, error)
	harden func() (*process.Runner, error)
}

// service is what a command needs of the daemon.
type service interface {
	Run(ctx context.Context) error
	Once(ctx context.Context) (engine.View, error)
	Reload(ctx context.Context, opt control.ReloadOptions) (control.Reloaded, error)
	Config() view.Config
}

// openDaemon hides the daemon's type from the commands.
func openDaemon(opt daemon.Options) (service, error) {
	d, err := daemon.New(opt)
	if err != nil {
		return nil, err // a nil daemon in the interface would not be nil
	}
	return d, nil
}

// Main runs one command and returns the exit code.
func Main(ctx context.Context, p *Process) int {
	a := &app{Process: p, out: &printer{to: p.Stdout}}
	a.err = &printer{to: a.errorsTo(p.Stderr), written: &strings.Builder{}}
	root := a.root() //nolint:contextcheck // the commands get ctx from ExecuteContextC
	root.SetArgs(p.Args)
	root.SetOut(a.out)
	root.SetErr(a.err)
	refuseOthers(root)
	command, err := root.ExecuteContextC(ctx)
	if lost := a.out.failed; lost != nil && (err == nil || errors.Is(err, lost)) {
		a.started = true // not a usage error, wherever it was detected
		err = fmt.Errorf("write the output: %w", lost)
	}
	return a.report(command, err)
}

// app is one run of a command.
type app struct {
	*Process
	out, err   *printer
	configFile string
	unread     string // why the socket could not be read from the configuration
	documented bool   // a JSON document was printed
	started    bool   // the command itself has started; later errors are not usage errors
}

// configPath returns the configuration's file.
func (a *app) configPath() string {
	if a.configFile != "" {
		return a.configFile
	}
	if path := a.Getenv("VIGENTE_CONFIG"); path != "" {
		return path
	}
	return defaultConfig
}

// isTerminal reports whether a stream is a terminal that can move its cursor.
func (a *app) isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && a.Getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))
}

// width returns the columns of the terminal behind a stream, 0 if unknown.
func width(stream any) int {
	if f, ok := stream.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil {
			return columns
		}
	}
	return 0
}

// colours reports whether w may be coloured (no-color.org).
func (a *app) colours(w io.Writer) bool { return a.Getenv("NO_COLOR") == "" && a.isTerminal(w) }

// document prints one JSON document.
func (a *app) document(v any) error {
	out := json.NewEncoder(a.out)
	a.documented = true
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	return out.Encode(v)
}

// printer writes output for people. It remembers the first failure, because an
// incomplete output is not a success.
type printer struct {
	to     io.Writer
	failed error
	// written keeps the text of stderr for the document of a failure.
	written *strings.Builder
}

// Write implements io.Writer.
func (p *printer) Write(text []byte) (int, error) {
	n, err := p.to.Write(text)
	if p.written != nil {
		p.written.Write(text)
	}
	if err != nil && p.failed == nil {
		p.failed = err
	}
	return n, err
}

func (p *printer) printf(format string, args ...any) { _, _ = fmt.Fprintf(p, format, args...) }

func (p *printer) line(text string) { _, _ = io.WriteString(p, text+"\n") }
