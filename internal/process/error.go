package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Kind classifies why a command did not succeed.
type Kind uint8

// The kinds.
const (
	Failed    Kind = iota // it exited with a code other than 0, or a signal killed it
	NotFound              // the program does not exist
	NotInPath             // it is in no directory of PATH
	Denied                // this user may not execute it
	NoProgram             // the system cannot execute this kind of file
	BadScript             // the first line of the script does not work
	NotRun                // it could not be started for another reason
	Overdue               // it ran into its timeout
	Stopped               // the context was cancelled
	TooMuch               // it printed more than the limit
)

// Error describes why a command did not succeed. It names the program but never
// an argument.
type Error struct {
	Program string
	Kind    Kind
	Err     error
}

// Error returns text that can follow the name of whatever ran the command.
func (e *Error) Error() string {
	if e.Kind == BadScript {
		return e.Program + " " + e.Err.Error()
	}
	what := ""
	switch e.Kind {
	case NotFound:
		what = "not found"
	case NotInPath:
		what = "not found in PATH, which is " + variable("PATH")
	case Denied:
		what = fmt.Sprintf("not executable by uid %d", os.Geteuid())
	case NoProgram:
		what = "not a program this machine can run"
	case Overdue:
		what = "still running after its timeout"
	case Stopped:
		what = "stopped with the daemon"
	case TooMuch:
		what = "printed more than the limit"
	case Failed, NotRun, BadScript:
		what = e.Err.Error()
	}
	return e.Program + ": " + what
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// startError explains why a program that was found did not start.
func startError(path string, err error) error {
	missing := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOEXEC)
	if script := CheckScript(path); missing && script != nil {
		return &Error{path, BadScript, &scriptError{script, err}}
	}
	return fileError(path, err)
}

// fileError explains why a file cannot be executed.
func fileError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{path, NotFound, fs.ErrNotExist}
	case errors.Is(err, fs.ErrPermission):
		return &Error{path, Denied, fs.ErrPermission}
	case errors.Is(err, syscall.ENOEXEC):
		return &Error{path, NoProgram, syscall.ENOEXEC}
	}
	if pe, ok := errors.AsType[*os.PathError](err); ok {
		err = pe.Err
	}
	return &Error{path, NotRun, err}
}

// scriptError explains what is wrong with the first line of a script, and keeps
// the system's error.
type scriptError struct{ line, system error }

// Error returns what is wrong with the line.
func (e *scriptError) Error() string { return e.line.Error() }

// Unwrap returns both errors.
func (e *scriptError) Unwrap() []error { return []error{e.line, e.system} }
