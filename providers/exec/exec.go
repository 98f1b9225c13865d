// Package exec obtains a token by running a command that prints one: a vendor's
// command-line tool, a credential helper, a script.
//
// There is no shell. The command gets a separate environment, no input unless
// configured, and a timeout at which its whole process group is killed. Nothing
// it prints appears in a message; its stderr is kept in memory for the owner of
// the socket.
package exec

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/process"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/internal/filled"
)

// Kind returns the catalogue entry for exec.
func Kind() providers.Kind { return providers.Kind{Name: "exec", Open: open} }

// Bounds of a command's output.
const (
	maxStdout = 64 << 10
	maxStderr = 16 << 10
)

// Exit codes of sysexits.h that tell more than failure.
const (
	exitTempFail = 75
	exitNoPerm   = 77
)

// backend has no keys: a command belongs to its credential.
type backend struct{ env providers.Env }

func open(_ *section.Section, env providers.Env) providers.Backend { return &backend{env} }

// Bind reads a command.
func (b *backend) Bind(s *section.Section) providers.Binding {
	src := &source{runner: b.env.Processes, zone: time.Local}
	src.command = s.Texts("command")
	src.output = s.Choice("output", formAuto, forms[:]...)
	for _, m := range s.Members("env") {
		key := "env." + m.Key
		if m.Key == "" || strings.ContainsAny(m.Key, "=\x00") {
			s.Faultf(key, "is not the name of a variable (expected letters, digits and _)")
		}
		src.env = append(src.env, variable{m.Key, filled.Member(s, key, m)})
	}
	if m, ok := s.TextOrReference("stdin"); ok {
		src.stdin = filled.Member(s, "stdin", m)
	}
	src.check(s)
	texts := []filled.Text{src.stdin}
	for _, v := range src.env {
		texts = append(texts, v.Text)
	}
	refs := filled.RefsAt(texts...)
	made := providers.Binding{Fields: fieldsOf(src.output), Needs: credential.Named(refs), Refs: refs}
	if !s.Failed() {
		made.Source, made.Identity = src, exchange.Identity("exec:", append([]string{s.Name()}, src.command...)...)
	}
	return made
}

// check reports a command that cannot be run.
func (s *source) check(sec *section.Section) {
	if len(s.command) == 0 || s.command[0] == "" {
		sec.Faultf("command", `is missing (expected the program and its arguments, such as ["/usr/local/bin/token", "--json"])`)
	}
	for _, arg := range s.command {
		if strings.Contains(arg, "${") {
			sec.Faultf("command", "holds ${…}, which other users could read in the list of processes (expected it in env or stdin)")
			break
		}
	}
}

type variable struct {
	name string
	filled.Text
}

// source is one command.
type source struct {
	runner  *process.Runner
	command []string
	env     []variable
	stdin   filled.Text
	output  string
	zone    *time.Location
	stderr  atomic.Pointer[credential.Secret]
}

// Refresh runs the command once.
func (s *source) Refresh(ctx context.Context, req credential.Request) (credential.Credential, error) {
	run, f := s.fill(req)
	if f != nil {
		return credential.Credential{}, f
	}
	res, err := s.runner.Run(ctx, run)
	s.stderr.Store(&res.Stderr)
	if err != nil {
		return credential.Credential{}, failed(ctx, res, err)
	}
	got, f := read(s.output, []byte(res.Stdout.Reveal()), req.At, s.zone)
	if f != nil {
		return credential.Credential{}, f
	}
	return got, nil
}

// Stderr implements credential.Complainer.
func (s *source) Stderr() credential.Secret {
	if text := s.stderr.Load(); text != nil {
		return *text
	}
	return credential.Secret{}
}

// fill prepares the run of one attempt.
func (s *source) fill(req credential.Request) (process.Command, *credential.Fault) {
	c := process.Command{Args: s.command, Env: map[string]credential.Secret{}, MaxStdout: maxStdout, MaxStderr: maxStderr}
	for _, v := range s.env {
		text, f := v.Expand(req.Inputs, nil)
		if f != nil {
			return c, f
		}
		c.Env[v.name] = credential.NewSecret(text)
	}
	text, f := s.stdin.Expand(req.Inputs, nil)
	c.Stdin = credential.NewSecret(text)
	return c, f
}

// failed is the fault of a run that failed. Its output is not read: a command may
// print anything before it fails.
func failed(ctx context.Context, res process.Result, err error) *credential.Fault {
	f := &credential.Fault{Reason: credential.ReasonInternal, Message: "run the command: " + err.Error(), Keys: []string{"command"}}
	e, ok := errors.AsType[*process.Error](err)
	switch {
	case !ok:
	case e.Kind == process.Overdue || e.Kind == process.Stopped && errors.Is(ctx.Err(), context.DeadlineExceeded):
		f.Reason, f.Keys = credential.ReasonTimeout, nil
		f.Message = "run the command: " + e.Program + " was still running when its time was up, and was killed (raise timeout if it is always slow)"
	case e.Kind == process.Stopped:
		f.Reason, f.Keys = credential.ReasonCancelled, nil
	case e.Kind == process.TooMuch:
		f.Reason = credential.ReasonBadResponse
		f.Message = "run the command: " + e.Program + " printed more than 64 KiB (expected a token)"
	case e.Kind == process.Failed && res.Code == exitTempFail:
		f.Reason = credential.ReasonServer
		f.Message = "run the command: " + e.Program + " says that it failed for the moment (exit code 75; retried automatically)"
	case e.Kind == process.Failed && res.Code == exitNoPerm:
		f.Reason = credential.ReasonRejected
		f.Message = "run the command: " + e.Program + " says that its login is refused (exit code 77; vigente explain --stderr shows what it wrote)"
	case e.Kind == process.Failed:
		f.Message += " (vigente explain --stderr shows what it wrote)"
	}
	return f
}

// Command implements credential.Commander.
func (s *source) Command() string { return s.command[0] }

// Probe checks that the command exists and, if it is a script, can be started.
func (s *source) Probe(context.Context) error {
	if _, err := process.Check(s.command[0]); err != nil {
		return &credential.Fault{Reason: credential.ReasonInternal, Message: err.Error(), Keys: []string{"command"}}
	}
	return nil
}

// rehearsedLife is assumed for a command whose output may state an expiry.
const rehearsedLife = time.Hour

// Rehearse implements credential.Rehearser. Two forms cannot state an expiry, so
// max_age decides.
func (s *source) Rehearse(req credential.Request) credential.Credential {
	if s.output == formText || s.output == formDocker {
		return credential.Credential{}
	}
	return credential.Credential{ExpiresAt: req.At.Add(rehearsedLife), CountedExpiry: true}
}
