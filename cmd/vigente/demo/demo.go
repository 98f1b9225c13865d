// Package demo runs the whole product on this machine with nothing else
// installed: emulated backends whose tokens live for seconds, the real daemon,
// real sinks in a temporary folder, the status page and the metrics. It runs the
// same daemon as `vigente run`, with its own configuration.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/emulation"
	"github.com/vigented/vigente/sinks"
)

// Options of a demonstration.
type Options struct {
	Out io.Writer
	// Live redraws a table on Out, which must be a terminal. Otherwise one line
	// is written for each change.
	Live bool
	// Width is that of the terminal at the moment, for Live; 0 when it is not
	// known.
	Width   func() int
	Getenv  func(string) string
	UID     int
	Logger  *zap.Logger
	Version string
	// Fleet is the number of shops of a fleet; none when 0.
	Fleet int
	// Providers and Sinks are the catalogues.
	Providers []providers.Kind
	Sinks     []sinks.Kind
}

// preferred is the usual address of the page.
const preferred = "127.0.0.1:9847"

// Run runs the demonstration until ctx ends, and removes everything it created.
func Run(ctx context.Context, opt Options) (err error) {
	dir, err := os.MkdirTemp("", "vigente-demo-")
	if err != nil {
		return fmt.Errorf("create the demonstration's folder: %w", err)
	}
	defer func() {
		if gone := os.RemoveAll(dir); gone != nil {
			err = errors.Join(err, gone)
			return
		}
		fmt.Fprintf(opt.Out, "%s has been removed.\n", dir)
	}()
	stations, stop, err := serve(stations(opt.Fleet))
	if err != nil {
		return err
	}
	defer stop()
	page, err := freeAddress()
	if err != nil {
		return err
	}
	if err := furnish(dir, page, stations); err != nil {
		return err
	}
	config := filepath.Join(dir, "config.toml")
	d, err := daemon.New(daemon.Options{
		ConfigPath: config, Getenv: withoutUnit(opt.Getenv), UID: opt.UID, Logger: opt.Logger, LogLevel: zap.NewAtomicLevel(),
		Version: opt.Version, Providers: opt.Providers, Sinks: opt.Sinks,
	})
	if err != nil {
		return err
	}
	introduce(opt.Out, dir, page, stations)
	running, end := context.WithCancel(ctx)
	defer end()
	ended := make(chan error, 1)
	go func() { ended <- d.Run(running) }()
	show(running, d, opt)
	end()
	return <-ended
}

// withoutUnit hides the directories that a service manager provides.
func withoutUnit(getenv func(string) string) func(string) string {
	return func(name string) string {
		switch name {
		case "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "CREDENTIALS_DIRECTORY":
			return ""
		}
		return getenv(name)
	}
}

// freeAddress returns the usual address of the page if it is free, else another
// free one.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", preferred)
	if err != nil {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer listener.Close()
	return listener.Addr().String(), nil
}

// serve starts every station on its own port.
func serve(stations []station) (_ []station, stop func(), err error) {
	var servers []*http.Server
	stop = func() {
		for _, s := range servers {
			_ = s.Close()
		}
	}
	for i := range stations {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			stop()
			return nil, nil, fmt.Errorf("start the emulated %s: %w", stations[i].kind, err)
		}
		server := &http.Server{Handler: emulation.Switchboard(stations[i].emulator), ReadHeaderTimeout: 10 * time.Second}
		stations[i].base = "http://" + listener.Addr().String()
		servers = append(servers, server)
		go func() { _ = server.Serve(listener) }()
	}
	return stations, stop, nil
}

// furnish writes the configuration and all files that it refers to.
func furnish(dir, page string, stations []station) error {
	var text strings.Builder
	fmt.Fprintf(&text, "# Made by vigente demo. You can edit it while the demo runs: a valid change is\n# applied at once, an invalid one is refused with the reasons.\n\n")
	fmt.Fprintf(&text, "[daemon]\nstate_dir = %q\ncontrol_socket = %q\nlisten = %q\n\n", filepath.Join(dir, "state"), filepath.Join(dir, "control.sock"), page)
	fmt.Fprintf(&text, "[renewal]\nmin_interval = \"2s\"\ntimeout = \"5s\"\n")
	for _, s := range stations {
		for name, content := range s.files {
			if err := put(filepath.Join(dir, name), content); err != nil {
				return err
			}
		}
		text.WriteString("\n" + strings.NewReplacer("{base}", s.base, "{dir}", dir).Replace(s.config))
	}
	return put(filepath.Join(dir, "config.toml"), text.String())
}

func put(name, content string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("create the demonstration's folder: %w", err)
	}
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		return fmt.Errorf("write the demonstration's files: %w", err)
	}
	return nil
}

// introduce prints what runs and what to look at.
func introduce(w io.Writer, dir, page string, stations []station) {
	fmt.Fprintf(w, "Vigente keeps short-lived tokens of emulated backends valid.\n\n")
	fmt.Fprintf(w, "  status page      http://%s/\n  metrics          http://%s/metrics\n  folder           %s\n", page, page, dir)
	for _, s := range stations {
		fmt.Fprintf(w, "  %-16s %s\n", s.kind, s.look)
	}
	fmt.Fprintf(w, "\nTry, in another terminal:\n")
	fmt.Fprintf(w, "  %s status -c %s/config.toml\n", command(), dir)
	fmt.Fprintf(w, "  curl -d fault=%s -d times=5 %s"+emulation.SwitchPath+"    (five bad answers; GET lists the faults)\n", stations[0].fault, stations[0].base)
	fmt.Fprintf(w, "\nCtrl-C stops it and removes the folder.\n\n")
}

// command returns the command line that the user typed for the program.
func command() string {
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, "go-build") {
		return "go run ./cmd/vigente"
	}
	return "vigente"
}
