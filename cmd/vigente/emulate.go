package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/vigented/vigente/daemon/web"
	"github.com/vigented/vigente/providers/emulation"
	exec "github.com/vigented/vigente/providers/exec/emulator"
	oauth2 "github.com/vigented/vigente/providers/oauth2/emulator"
)

func (a *app) emulateCommand() *cobra.Command {
	var o emulateOptions
	var printed string
	command := &cobra.Command{
		Use:   "emulate KIND…",
		Short: "Play backends on this machine, with their faults, for rehearsals",
		Long: `Play backends on this machine, each on a port of its own, until Ctrl-C. Every
backend has faults that can be switched on and off while it runs. KIND is one of
` + strings.Join(emulatedKinds(), ", ") + `.`,
		Example: `  # two backends on free ports
  vigente emulate tss senhasegura
  # on known ports, the second kind on the next one
  vigente emulate tss senhasegura --listen 127.0.0.1:18080
  # a service that is known by name
  vigente emulate oauth2 --preset bling
  # what a command prints, at an emulator that runs
  vigente emulate exec --print http://127.0.0.1:18080/azure
  # with test certificates of ICP-Brasil
  vigente emulate integra-contador --certificates /tmp/certificates
  # the first five answers are bad
  vigente emulate senhasegura --fault throttled=5`,
		Args:      someOf("KIND", emulatedKinds()...),
		ValidArgs: emulatedKinds(),
		RunE: a.begin(func(command *cobra.Command, kinds []string) error {
			ctx, stop := endingOnSignals(command.Context(), nil)
			defer stop()
			if printed != "" {
				return a.printAs(ctx, kinds, printed)
			}
			return a.emulate(ctx, kinds, o)
		}),
	}
	command.Flags().StringVar(&o.listen, "listen", "127.0.0.1:0", "`HOST:PORT` of the first kind; the next one has the next port; port 0 takes free ones")
	command.Flags().StringVar(&o.preset, "preset", "", "the `SERVICE` of vigente presets that oauth2 plays")
	command.Flags().StringVar(&o.certificates, "certificates", "", "put test certificates of ICP-Brasil for integra-contador into `DIR`, unless they are there")
	command.Flags().StringVar(&printed, "print", "", "print what the command at `ADDRESS` of a running emulator of exec prints, end with its exit code")
	command.Flags().StringArrayVar(&o.faults, "fault", nil, "`NAME[=TIMES]` to switch on from the start, for all calls without TIMES")
	_ = command.RegisterFlagCompletionFunc("fault", completeFaults) // fails for an unknown flag only
	return command
}

// emulateOptions are what emulate is asked for beside the kinds.
type emulateOptions struct {
	listen, preset, certificates string
	faults                       []string
}

// completeFaults offers the faults of the kinds that were named, of all without.
func completeFaults(_ *cobra.Command, kinds []string, _ string) ([]string, cobra.ShellCompDirective) {
	var offered []string
	for _, e := range emulations() {
		if len(kinds) > 0 && !slices.Contains(kinds, e.kind) {
			continue
		}
		for _, f := range e.make().Faults() {
			if text := f.Name + "\t" + f.Help; !slices.Contains(offered, text) {
				offered = append(offered, text)
			}
		}
	}
	return offered, cobra.ShellCompDirectiveNoFileComp
}

func emulatedKinds() []string {
	var kinds []string
	for _, e := range emulations() {
		kinds = append(kinds, e.kind)
	}
	return kinds
}

// printAs is the command of an exec provider: it prints and ends as an emulator
// says that the command would.
func (a *app) printAs(ctx context.Context, kinds []string, address string) error {
	if !slices.Equal(kinds, []string{"exec"}) {
		return usagef("--print belongs to exec, alone")
	}
	if code := exec.Print(ctx, address, a.Stdout, a.Stderr); code != exitDone {
		return &exitError{code, nil}
	}
	return nil
}

// stage is one backend that is being played.
type stage struct {
	emulated
	emulator emulation.Emulator
	listener net.Listener
}

// emulate plays the kinds until ctx ends.
func (a *app) emulate(ctx context.Context, kinds []string, o emulateOptions) error {
	stages, err := setUp(kinds, o)
	if err != nil {
		return err
	}
	for _, s := range stages {
		a.introduce(s)
	}
	var playing sync.WaitGroup
	ends := make([]error, len(stages))
	for i, s := range stages {
		playing.Go(func() { ends[i] = web.Serve(ctx, s.listener, emulation.Switchboard(s.emulator), "", zap.NewNop()) })
	}
	playing.Wait()
	return errors.Join(ends...)
}

// setUp makes every backend and its port, or none.
func setUp(kinds []string, o emulateOptions) (stages []stage, err error) {
	defer func() {
		if err != nil {
			for _, s := range stages {
				_ = s.listener.Close()
			}
		}
	}()
	if o.preset != "" && !slices.Contains(kinds, "oauth2") {
		return nil, usagef("--preset belongs to oauth2")
	}
	if o.certificates != "" && !slices.Contains(kinds, "integra-contador") {
		return nil, usagef("--certificates belongs to integra-contador")
	}
	for i, kind := range kinds {
		all := emulations()
		s := stage{emulated: all[slices.IndexFunc(all, func(e emulated) bool { return e.kind == kind })]}
		s.emulator = s.make()
		if kind == "oauth2" && o.preset != "" {
			if s, err = playedAs(s, o.preset); err != nil {
				return stages, err
			}
		}
		if kind == "integra-contador" && o.certificates != "" {
			made, err := makeCertificates(o.certificates)
			if err != nil {
				return stages, err
			}
			s.login = append(s.login, made...)
		}
		address, err := nextAddress(o.listen, i)
		if err != nil {
			return stages, err
		}
		if s.listener, err = net.Listen("tcp", address); err != nil {
			return stages, fmt.Errorf("listen for %s: %w", kind, err)
		}
		stages = append(stages, s)
	}
	for _, fault := range o.faults {
		if err := switchOn(stages, fault); err != nil {
			return stages, err
		}
	}
	return stages, nil
}

// playedAs makes a service that is known by name of the server.
func playedAs(s stage, preset string) (stage, error) {
	settings, known := oauth2.Preset(preset)
	if !known {
		return s, usagef("--preset %q is not known (see vigente presets)", preset)
	}
	s.emulator = oauth2.New(settings, nil)
	s.login = []string{
		"token_url      BASE/token", "authorize_url  BASE/authorize",
		"client_id      " + oauth2.PresetClient, "client_secret  " + oauth2.PresetSecret,
		"username       " + oauth2.PresetUser, "password       " + oauth2.PresetSecret,
	}
	for name, value := range settings.Headers {
		s.login = append(s.login, "header         "+name+": "+value)
	}
	slices.Sort(s.login[6:])
	return s, nil
}

// nextAddress returns the address of the kind at a place in the line.
func nextAddress(listen string, place int) (string, error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", usagef("--listen %q is no address (expected HOST:PORT)", listen)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", usagef("--listen %q has no port (expected 0 to 65535)", listen)
	}
	if port > 0 {
		port += uint64(place)
	}
	return net.JoinHostPort(host, strconv.FormatUint(port, 10)), nil
}

// switchOn sets a fault at every backend that has it.
func switchOn(stages []stage, fault string) error {
	name, text, given := strings.Cut(fault, "=")
	times := -1
	if given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return usagef("--fault %q: %q is no number of calls (expected 1 or more)", fault, text)
		}
		times = n
	}
	found := false
	for _, s := range stages {
		if slices.ContainsFunc(s.emulator.Faults(), func(f emulation.FaultSwitch) bool { return f.Name == name }) {
			found = true
			if err := s.emulator.SetFault(name, times); err != nil {
				return fmt.Errorf("switch %s on: %w", name, err)
			}
		}
	}
	if !found {
		return usagef("--fault %q is not known to any of them", name)
	}
	return nil
}

// usagef is a usage error that was found after the work began.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, []string{"vigente: " + fmt.Sprintf(format, args...) + "; see vigente emulate --help"}}
}

// introduce says where a backend is and how to make it fail.
func (a *app) introduce(s stage) {
	base := "http://" + s.listener.Addr().String()
	a.out.printf("%s  %s\n", s.kind, base)
	for _, line := range s.login {
		a.out.printf("  %s\n", strings.ReplaceAll(line, "BASE", base))
	}
	a.out.printf("  faults         curl -d fault=NAME -d times=5 %s%s   (no NAME clears all)\n", base, emulation.SwitchPath)
	for _, f := range s.emulator.Faults() {
		a.out.printf("    %-26s %s\n", f.Name, f.Help)
	}
	a.out.line("")
}
