package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Kind says what stopped a command.
type Kind uint8

// The kinds.
const (
	Failed    Kind = iota // it ran, and its exit code is not 0 or a signal ended it
	NotFound              // the program is not there
	NotInPath             // no folder of PATH has it
	Denied                // this user may not execute it
	NoProgram             // the system does not know how to run it
	BadScript             // it is a script whose first line does not work
	NotRun                // it could not be started for another reason
	Overdue               // its time was up
	Stopped               // the context ended
	TooMuch               // it printed more than is kept
)

// Error says why a command did not end well. It names the program and never an
// argument.
type Error struct {
	Program string
	Kind    Kind
	Err     error
}

// Error says it in words that follow the name of the caller's matter.
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
		what = "not a program of this machine"
	case Overdue:
		what = "still running when its time was up"
	case Stopped:
		what = "stopped with the daemon"
	case TooMuch:
		what = "printed more than is read"
	case Failed, NotRun, BadScript:
		what = e.Err.Error()
	}
	return e.Program + ": " + what
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// startError says why a program that was found does not start.
func startError(path string, err error) error {
	missing := errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOEXEC)
	if script := CheckScript(path); missing && script != nil {
		return &Error{path, BadScript, &scriptError{script, err}}
	}
	return fileError(path, err)
}

// fileError says why a program cannot be executed.
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

// scriptError says what is wrong with a script's first line, and keeps what the
// system said.
type scriptError struct{ line, system error }

// Error says what is wrong with the line.
func (e *scriptError) Error() string { return e.line.Error() }

// Unwrap returns both.
func (e *scriptError) Unwrap() []error { return []error{e.line, e.system} }
