package sinks

import (
	"fmt"

	"github.com/vigented/vigente/credential"
)

// Faultf makes the fault of a failure on this machine. The text must name the
// cure where there is one, and hold no value.
func Faultf(cause error, format string, args ...any) *credential.Fault {
	return &credential.Fault{Reason: credential.ReasonInternal, Message: fmt.Sprintf(format, args...), Err: cause}
}
