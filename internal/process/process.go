// Package process runs programs as children: hooks, commands that print a
// token, questions to the system.
//
// There is no shell between. A child gets an environment of its own, the root
// folder as its working directory and a process group of its own. When its time
// is up, or its context ends, the whole group is asked to end and then killed.
// What it prints is bounded. It starts with the signals and limits that this
// process was started with, not with those that it gave itself. The package
// never puts an argument, a variable or any output into an error.
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
	// timeoutGrace and stopGrace lie between asking a group to end and killing
	// it. The daemon itself has to stop within five seconds.
	timeoutGrace = 2 * time.Second
	stopGrace    = time.Second
	// killWait is how long what was killed is given to disappear.
	killWait = 500 * time.Millisecond
	// pollEvery is how often a group that was asked to end is looked at.
	pollEvery = 10 * time.Millisecond
	// drainWait is how long output is read after the program has ended, for
	// what a process outside its group keeps open.
	drainWait = time.Second
)

// Command is one run of a program.
type Command struct {
	// Args are the program, an absolute path or a name that is looked up in
	// PATH, and its arguments.
	Args []string
	// Env are the variables beside PATH, HOME, LANG and TZ, which it gets as
	// this process has them. A variable named here replaces the one of ours.
	Env map[string]credential.Secret
	// Stdin is what it reads; the zero value ends at once.
	Stdin credential.Secret
	// Timeout is how long it may take; 0 for no bound but the context.
	Timeout time.Duration
	// MaxStdout and MaxStderr are how many bytes of its output are kept. What
	// is not kept at all (0) goes to /dev/null, so that nobody waits for
	// whoever else holds a pipe. More on stdout than is kept ends the run as
	// TooMuch; of stderr the rest is dropped.
	MaxStdout, MaxStderr int
	// LeaveBackground lets processes that the program leaves behind in its
	// group live on when it ends by itself; otherwise they are killed.
	LeaveBackground bool
}

// Result is what a program that was started left.
type Result struct {
	Stdout, Stderr credential.Secret
	// Code is its exit code; -1 when a signal ended it.
	Code int
}

// Runner starts children. Its methods may be called from any goroutine. A nil
// Runner works, and hands limits on as they are.
type Runner struct{ core coreLimit }

// Run runs a command and waits for its end. Whatever stops it, or an exit code
// other than 0, is an *Error; the result is there whenever the program ran.
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

// run is one command under way.
type run struct {
	Command
	ctx            context.Context //nolint:containedctx // lives for one call
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
	r.cmd = exec.CommandContext(r.ctx, path) //nolint:gosec // Which command runs is the operator's word.
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

// The causes that end a run before the program does.
var (
	errOverdue = errors.New("out of time")
	errTooMuch = errors.New("too much output")
)

// end is called once when the context ends while the program runs.
func (r *run) end() error {
	grace := stopGrace
	if errors.Is(context.Cause(r.ctx), errOverdue) {
		grace = timeoutGrace
	}
	endGroup(context.WithoutCancel(r.ctx), r.cmd.Process.Pid, grace)
	return nil
}

// start starts the program and waits for its end.
func (r *run) start(runner *Runner) error {
	lower := runner.raiseCore()
	err := r.cmd.Start()
	lower()
	if err != nil {
		return err
	}
	if !r.LeaveBackground {
		// The leader stays a zombie until Wait, so that its number, which is the
		// group's, cannot be another's meanwhile.
		awaitEnd(r.cmd.Process.Pid)
		_ = unix.Kill(-r.cmd.Process.Pid, unix.SIGKILL)
	}
	return r.cmd.Wait()
}

// awaitEnd returns when a child has ended, and leaves it to be waited for.
func awaitEnd(pid int) {
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR { //nolint:errorlint // a number
		continue
	}
}

// result says how a run ended.
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

// environment is all that a child is told.
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
