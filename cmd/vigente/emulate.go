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
		Short: "Emulate backends on this machine, with their faults, for rehearsals",
		Long: `Emulate backends on this machine, each on its own port, until Ctrl-C. Every
backend has faults that you can switch on and off while it runs. KIND is one of
` + strings.Join(emulatedKinds(), ", ") + `.`,
		Example: `  # two backends on free ports
  vigente emulate tss senhasegura
  # on known ports, the second kind on the next one
  vigente emulate tss senhasegura --listen 127.0.0.1:18080
  # a service with a preset
  vigente emulate oauth2 --preset bling
  # what a command prints, according to a running emulator
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
	command.Flags().StringVar(&o.preset, "preset", "", "the `SERVICE` (see vigente presets) that oauth2 emulates")
	command.Flags().StringVar(&o.certificates, "certificates", "", "create test certificates of ICP-Brasil for integra-contador in `DIR`, unless they exist")
	command.Flags().StringVar(&printed, "print", "", "print the output of the command at `ADDRESS` of a running exec emulator, and exit with its code")
	command.Flags().StringArrayVar(&o.faults, "fault", nil, "`NAME[=TIMES]` to switch on from the start; without TIMES, for all calls")
	_ = command.RegisterFlagCompletionFunc("fault", completeFaults) // fails for an unknown flag only
	return command
}

// emulateOptions are the flags of emulate.
type emulateOptions struct {
	listen, preset, certificates string
	faults                       []string
}

// completeFaults offers the faults of the named kinds, or of all kinds.
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

// printAs acts as the command of an exec provider: the emulator decides what it
// prints and its exit code.
func (a *app) printAs(ctx context.Context, kinds []string, address string) error {
	if !slices.Equal(kinds, []string{"exec"}) {
		return usagef("--print works with exec only")
	}
	if code := exec.Print(ctx, address, a.Stdout, a.Stderr); code != exitDone {
		return &exitError{code, nil}
	}
	return nil
}

// instance is one running emulator.
type instance struct {
	emulated
	emulator emulation.Emulator
	listener net.Listener
}

// emulate runs the emulators of the kinds until ctx ends.
func (a *app) emulate(ctx context.Context, kinds []string, o emulateOptions) error {
	emulators, err := setUp(kinds, o)
	if err != nil {
		return err
	}
	for _, s := range emulators {
		a.introduce(s)
	}
	var running sync.WaitGroup
	ends := make([]error, len(emulators))
	for i, s := range emulators {
		running.Go(func() { ends[i] = web.Serve(ctx, s.listener, emulation.Switchboard(s.emulator), "", zap.NewNop()) })
	}
	running.Wait()
	return errors.Join(ends...)
}

// setUp creates all emulators with their listeners, or none.
func setUp(kinds []string, o emulateOptions) (emulators []instance, err error) {
	defer func() {
		if err != nil {
			for _, s := range emulators {
				_ = s.listener.Close()
			}
		}
	}()
	if o.preset != "" && !slices.Contains(kinds, "oauth2") {
		return nil, usagef("--preset works with oauth2 only")
	}
	if o.certificates != "" && !slices.Contains(kinds, "integra-contador") {
		return nil, usagef("--certificates works with integra-contador only")
	}
	for i, kind := range kinds {
		all := emulations()
		s := instance{emulated: all[slices.IndexFunc(all, func(e emulated) bool { return e.kind == kind })]}
		s.emulator = s.make()
		if kind == "oauth2" && o.preset != "" {
			if s, err = asPreset(s, o.preset); err != nil {
				return emulators, err
			}
		}
		if kind == "integra-contador" && o.certificates != "" {
			made, err := makeCertificates(o.certificates)
			if err != nil {
				return emulators, err
			}
			s.login = append(s.login, made...)
		}
		address, err := nextAddress(o.listen, i)
		if err != nil {
			return emulators, err
		}
		if s.listener, err = net.Listen("tcp", address); err != nil {
			return emulators, fmt.Errorf("listen for %s: %w", kind, err)
		}
		emulators = append(emulators, s)
	}
	for _, fault := range o.faults {
		if err := switchOn(emulators, fault); err != nil {
			return emulators, err
		}
	}
	return emulators, nil
}

// asPreset turns the oauth2 emulator into the service of a preset.
func asPreset(s instance, preset string) (instance, error) {
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

// nextAddress returns the address of the kind with that index.
func nextAddress(listen string, place int) (string, error) {
	host, text, err := net.SplitHostPort(listen)
	if err != nil {
		return "", usagef("--listen %q is not an address (expected HOST:PORT)", listen)
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

// switchOn sets a fault in every emulator that has it.
func switchOn(emulators []instance, fault string) error {
	name, text, given := strings.Cut(fault, "=")
	times := -1
	if given {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return usagef("--fault %q: %q is not a number of calls (expected 1 or more)", fault, text)
		}
		times = n
	}
	found := false
	for _, s := range emulators {
		if slices.ContainsFunc(s.emulator.Faults(), func(f emulation.FaultSwitch) bool { return f.Name == name }) {
			found = true
			if err := s.emulator.SetFault(name, times); err != nil {
				return fmt.Errorf("switch %s on: %w", name, err)
			}
		}
	}
	if !found {
		return usagef("--fault %q: none of these emulators has it", name)
	}
	return nil
}

// usagef is a usage error that was found after the command had started.
func usagef(format string, args ...any) error {
	return &exitError{exitUsage, []string{"vigente: " + fmt.Sprintf(format, args...) + "; see vigente emulate --help"}}
}

// introduce prints the address of an emulator and how to make it fail.
func (a *app) introduce(s instance) {
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
