package web

import (
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
)

// Cure says what a person can do about a failure of the task of a name, which is
// in a state by it. The failure's own message names the case; this is what to
// look at first.
func Cure(kind engine.TaskKind, state engine.State, reason credential.Reason, name string) string {
	return english.cure(kind, state, reason, name)
}

// cure is Cure in the language.
func (l tongue) cure(kind engine.TaskKind, state engine.State, reason credential.Reason, name string) string {
	return strings.ReplaceAll(l.say(cureText(kind, state, reason)), "NAME", name)
}

// cureText is a cure where NAME stands for the name.
func cureText(kind engine.TaskKind, state engine.State, reason credential.Reason) string {
	switch kind {
	case engine.Deliver:
		if state == engine.Behind { // by another's value, else it were failing
			return "A person, another program or a second daemon for the same account wrote it. Stop that one first: the value may be the right one."
		}
		return cureDelivery(reason)
	case engine.RunHook:
		return cureHook(reason)
	case engine.Obtain:
	}
	return cureRenewal(reason)
}

func cureRenewal(reason credential.Reason) string {
	switch reason {
	case credential.ReasonNetwork:
		return "Check that this host reaches the backend: name, route, firewall, proxy. It is tried again by itself."
	case credential.ReasonTimeout:
		return "The backend is slow or out of reach. It is tried again by itself; raise timeout if it is always slow."
	case credential.ReasonTLS:
		return "Compare the server's certificate with ca_file, server_name and pin_sha256 of the provider, and check this host's clock."
	case credential.ReasonThrottled:
		return "The backend asks for fewer calls. It is asked again when its cool-down ends; set rate to stay below its limit."
	case credential.ReasonServer:
		return "The backend says that it is broken. Tell its operator; it is tried again by itself."
	case credential.ReasonRejected:
		return "Correct the account or the secret. A changed file is noticed by itself; otherwise run: vigente renew NAME"
	case credential.ReasonInvalidRequest:
		return "Compare the keys of the credential and the url of the provider with what the backend knows."
	case credential.ReasonBadResponse:
		return "What answered is not the service that was expected. Check the url of the provider and what stands in between."
	case credential.ReasonCancelled:
		return "Nothing to do: the daemon was stopping."
	case credential.ReasonInternal:
	}
	return "The cause is on this machine. Look at the sinks of this credential and at the daemon's log."
}

func cureDelivery(reason credential.Reason) string {
	switch reason {
	case credential.ReasonTimeout:
		return "Writing takes too long. Check the disk or the remote file system; it is tried again by itself."
	case credential.ReasonCancelled:
		return "Nothing to do: the daemon was stopping."
	default:
		return "Check the path, its owner and mode, the space on the disk, and ReadWritePaths= of the unit. It is tried again by itself."
	}
}

func cureHook(reason credential.Reason) string {
	switch reason {
	case credential.ReasonTimeout:
		return "The command took too long. Run it by hand, or raise timeout of on_change. It is tried again by itself."
	case credential.ReasonCancelled:
		return "Nothing to do: the daemon was stopping."
	default:
		return "Run the command by hand as the daemon's user. It is tried again by itself."
	}
}
