package eventlog

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// maxTypes limits how much of an error chain is shown.
const maxTypes = 16

// types lists the types in an error's chain, outermost first. Types are fixed
// when the program is built, so they cannot leak a value. The only value added
// is the system's error number, which is one of a fixed set.
func types(err error) []string {
	var found []string
	for queue := []error{err}; len(queue) > 0 && len(found) < maxTypes; {
		err, queue = queue[0], queue[1:]
		if err == nil {
			continue
		}
		name := fmt.Sprintf("%T", err)
		switch link := any(err).(type) { // this error only, not its chain
		case syscall.Errno:
			name += "(" + link.Error() + ")"
		case interface{ Unwrap() error }:
			queue = append(queue, link.Unwrap())
		case interface{ Unwrap() []error }:
			queue = append(queue, link.Unwrap()...)
		}
		found = append(found, name)
	}
	return found
}

// safeText describes an error without its text: by the system's error number if
// there is one ("no space left on device"), otherwise by its types.
func safeText(err error) string {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	return strings.Join(types(err), " of ")
}
