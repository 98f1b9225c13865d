package sinks

import (
	"fmt"

	"github.com/vigented/vigente/credential"
)

// Faultf returns a fault of this machine (local). The text must say how to fix
// it where possible, and must not contain a value.
func Faultf(cause error, format string, args ...any) *credential.Fault {
	return &credential.Fault{Reason: credential.ReasonInternal, Message: fmt.Sprintf(format, args...), Err: cause}
}
