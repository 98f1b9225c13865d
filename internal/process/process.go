// Package process runs child processes: hooks, commands that print a token,
// lookups.
//
// No shell is involved. A child gets its own environment, its own process
// group, and / as its working directory. On timeout, or when its context is
// cancelled, the whole group gets SIGTERM and then SIGKILL. Output is bounded.
// A child starts with the signals and limits this process was started with, not
// with those it set for itself. The package never puts an argument, a variable
// or any output into an error.
package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vigented/vigente/credential"
)

const (
	// timeoutGrace and stopGrace are the time between SIGTERM and SIGKILL. The
	// daemon itself must stop within five seconds.
	timeoutGrace = 2 * time.Second
	stopGrace    = time.Second
	// killWait is how long a killed group gets to disappear.
	killWait = 500 * time.Millisecond
	// pollEvery is how often a group that was sent SIGTERM is checked.
	pollEvery = 10 * time.Millisecond
	// drainWait is how long output is read after the program has exited, in case
	// a process outside its group keeps the pipe open.
	drainWait = time.Second
)

// Command describes one run of a program.
type Command struct {
	// Args are the program and its arguments. The program is an absolute path,
	// or a name to look up in PATH.
	Args []string
	// Env are variables in addition to PATH, HOME, LANG and TZ, which are
	// inherited. A variable set here overrides an inherited one.
	Env map[string]credential.Secret
	// Stdin is the child's input; empty by default.
	Stdin credential.Secret
	// Timeout bounds the run; 0 means only the context does.
	Timeout time.Duration
	// MaxStdout and MaxStderr are how many bytes of output to keep. With 0 the
	// output goes to /dev/null, so that Run does not wait for another process
	// holding the pipe. Excess stdout ends the run with TooMuch; excess stderr
	// is discarded.
	MaxStdout, MaxStderr int
	// LeaveBackground keeps processes alive that the program leaves in its group
	// when it exits by itself; otherwise they are killed.
	LeaveBackground bool
}

// Result is the outcome of a program that was started.
type Result struct {
	Stdout, Stderr credential.Secret
	// Code is the exit code; -1 if a signal killed the program.
	Code int
}

// Runner starts children. It is safe for concurrent use. A nil Runner works and
// passes on the current limits.
type Runner struct{ core coreLimit }

// Run runs a command and waits for it. If the command cannot be run, is
// stopped, or exits with a code other than 0, the error is an *Error. The
// Result is valid whenever the program was started.
func (r *Runner) Run(ctx context.Context, c Command) (Result, error) {
	name := strings.Join(c.Args[:min(1, len(c.Args))], "")
	if ctx.Err() != nil {
		return Result{Code: -1}, &Error{Program: name, Kind: Stopped, Err: ctx.Err()}
	}
	path, err := Find(name)
	if err != nil {
		return Result{Code: -1}, err
	}
	run := newRun(ctx, path, c)
	defer run.release()
	return run.result(run.start(r))
}

// run is one command in progress.
type run struct {
	Command
	ctx            context.Context //nolint:containedctx // used by one call only
	stop           context.CancelCauseFunc
	release        context.CancelFunc
	cmd            *exec.Cmd
	stdout, stderr *bounded
}

func newRun(ctx context.Context, path string, c Command) *run {
	r := &run{Command: c}
	r.ctx, r.stop = context.WithCancelCause(ctx)
	r.release = func() { r.stop(nil) }
	if c.Timeout > 0 {
		var release context.CancelFunc
		r.ctx, release = context.WithTimeoutCause(r.ctx, c.Timeout, errOverdue)
		r.release = func() { release(); r.stop(nil) }
	}
	r.cmd = exec.CommandContext(r.ctx, path) //nolint:gosec // the operator chooses which command runs
	r.cmd.Args, r.cmd.Env, r.cmd.Dir = c.Args, environment(c.Env), "/"
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.cmd.WaitDelay = drainWait
	r.cmd.Cancel = r.end
	if !c.Stdin.IsZero() {
		r.cmd.Stdin = strings.NewReader(c.Stdin.Reveal())
	}
	if c.MaxStdout > 0 {
		r.stdout = &bounded{most: c.MaxStdout, over: func() { r.stop(errTooMuch) }}
		r.cmd.Stdout = r.stdout
	}
	if c.MaxStderr > 0 {
		r.stderr = &bounded{most: c.MaxStderr}
		r.cmd.Stderr = r.stderr
	}
	return r
}

// The causes of ending a run before the program exits.
var (
	errOverdue = errors.New("out of time")
	errTooMuch = errors.New("too much output")
)

// end is called once if the context ends while the program runs.
func (r *run) end() error {
	grace := stopGrace
	if errors.Is(context.Cause(r.ctx), errOverdue) {
		grace = timeoutGrace
	}
	endGroup(context.WithoutCancel(r.ctx), r.cmd.Process.Pid, grace)
	return nil
}

// start starts the program and waits for it.
func (r *run) start(runner *Runner) error {
	lower := runner.raiseCore()
	err := r.cmd.Start()
	lower()
	if err != nil {
		return err
	}
	if !r.LeaveBackground {
		// The leader stays a zombie until Wait, so its PID, which is also the
		// group ID, cannot be reused meanwhile.
		awaitEnd(r.cmd.Process.Pid)
		_ = unix.Kill(-r.cmd.Process.Pid, unix.SIGKILL)
	}
	return r.cmd.Wait()
}

// awaitEnd waits until a child has exited, without reaping it.
func awaitEnd(pid int) {
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR { //nolint:errorlint // a number
		continue
	}
}

// result returns how the run ended.
func (r *run) result(err error) (Result, error) {
	res := Result{Stdout: r.stdout.secret(), Stderr: r.stderr.secret(), Code: -1}
	if r.cmd.ProcessState != nil {
		res.Code = r.cmd.ProcessState.ExitCode()
	}
	fault := &Error{Program: r.Args[0], Err: err}
	switch cause := context.Cause(r.ctx); {
	case r.stdout.overflown():
		fault.Kind, fault.Err = TooMuch, errTooMuch
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && r.ctx.Err() == nil && res.Code == 0:
		return res, nil
	case errors.Is(cause, errOverdue):
		fault.Kind, fault.Err = Overdue, context.DeadlineExceeded
	case cause != nil:
		fault.Kind, fault.Err = Stopped, cause
	case r.cmd.ProcessState == nil:
		return res, startError(r.cmd.Path, err)
	default:
		fault.Kind = Failed
	}
	return res, fault
}

// environment returns the complete environment of a child.
func environment(own map[string]credential.Secret) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "LANG", "TZ"} {
		if v := variable(name); v != "" && own[name].IsZero() {
			env = append(env, name+"="+v)
		}
	}
	for name, value := range own {
		env = append(env, name+"="+value.Reveal())
	}
	return env
}

const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func variable(name string) string {
	v := os.Getenv(name)
	if v == "" && name == "PATH" {
		return defaultPath
	}
	return v
}
