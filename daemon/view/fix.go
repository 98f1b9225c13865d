package view

import (
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/schedule"
)

// CredentialFix says what an operator can do about the last failure of a credential.
// The message of the failure describes it; the fix is what to check first. It is empty
// if there was no failure.
func CredentialFix(c engine.CredentialView) string {
	return strings.ReplaceAll(CredentialFixText(c), "NAME", c.Name)
}

// CredentialAdvice is CredentialFix for people, who read it below the message. It is
// empty if the message names the same command.
func CredentialAdvice(c engine.CredentialView) string {
	return strings.ReplaceAll(CredentialAdviceText(c), "NAME", c.Name)
}

// CredentialAdviceText is CredentialAdvice with the placeholder NAME for the name.
func CredentialAdviceText(c engine.CredentialView) string {
	text := CredentialFixText(c)
	if text == fixLogin {
		return ""
	}
	return text
}

// CredentialFixText is CredentialFix with the placeholder NAME for the name.
func CredentialFixText(c engine.CredentialView) string {
	if c.LastError == nil {
		return ""
	}
	text := fixRenewal(c.LastError.Reason)
	switch {
	case c.State == engine.Valid && c.LastError.Reason == credential.ReasonBadResponse:
		return fixUnreadEnd
	case c.State == engine.Parked && c.LastError.Reason == credential.ReasonInternal:
		return fixMissing
	case c.State == engine.Parked && strings.Contains(c.LastError.Message, "vigente login "+c.Name):
		return fixLogin
	case c.State == engine.Parked:
		return text
	case !retried(c.LastError):
		return text
	}
	return text + " " + Retries
}

// SinkFix says what an operator can do about the failure that SinkError returns.
func SinkFix(s engine.SinkView) string {
	switch {
	case s.LastError == nil && s.HookError == nil:
		return ""
	case s.LastError == nil:
		return HookFix(s)
	case s.State == engine.Behind: // it holds a foreign value; otherwise it would be failing
		return fixForeign
	}
	return fixDelivery(s.LastError.Reason) + retriesUnlessStopping(s.LastError)
}

// HookFix says what an operator can do about the failure of a sink's on_change. It is
// empty if there was no failure.
func HookFix(s engine.SinkView) string {
	if s.HookError == nil {
		return ""
	}
	return fixHook(s.HookError.Reason) + retriesUnlessStopping(s.HookError)
}

func retriesUnlessStopping(n *schedule.Note) string {
	if !retried(n) {
		return ""
	}
	return " " + Retries
}

// retried reports whether the fix should say that the daemon retries: the failure does
// not park, and its message does not say so already.
func retried(n *schedule.Note) bool {
	return n.Reason != credential.ReasonCancelled && !strings.Contains(n.Message, "retried")
}

// ReasonName returns the name of a reason for people. They see "local" where programs
// read "internal".
func ReasonName(reason credential.Reason) string {
	if reason == credential.ReasonInternal {
		return "local"
	}
	return string(reason)
}

// Retries says that the next attempt happens without any action.
const Retries = "It is retried automatically."

const (
	fixNothing   = "Nothing to do: the daemon was stopping."
	fixForeign   = "Another program, a person, or a second daemon for the same account wrote it. Stop that one first: the value may be the right one."
	fixLogin     = "A person logs in, once. Run: vigente login NAME"
	fixUnreadEnd = "The token is in use. If its lifetime is known, set max_age to it, so that it is renewed in time."
	fixMissing   = "Put the file or variable that the message names in place, readable for the daemon. A file that appears is noticed within seconds."
)

func fixRenewal(reason credential.Reason) string {
	switch reason {
	case credential.ReasonNetwork:
		return "Check that this host reaches the backend: name, route, firewall, proxy."
	case credential.ReasonTimeout:
		return "The backend is slow or out of reach; raise timeout if it is always slow."
	case credential.ReasonTLS:
		return "Compare the server's certificate with ca_file, server_name and pin_sha256 of the provider, and check this host's clock."
	case credential.ReasonThrottled:
		return "The backend asks for fewer calls; set rate to stay below its limit."
	case credential.ReasonServer:
		return "The backend reports a fault of its own: tell its operator."
	case credential.ReasonRejected:
		return "Correct the account or the secret. A changed file is noticed within seconds; otherwise run: vigente renew NAME"
	case credential.ReasonInvalidRequest:
		return "Compare the keys of the credential and the url of the provider with what the backend knows."
	case credential.ReasonBadResponse:
		return "What answered is not the expected service. Check the url of the provider and what is in between."
	case credential.ReasonCancelled:
		return fixNothing
	case credential.ReasonAmbiguous:
		return "Find out whether the machine that was calling has the answer. If it is gone for good, run: vigente renew NAME --take-over"
	case credential.ReasonInternal:
	}
	return "The cause is on this machine. Check the sinks of this credential and the daemon's log."
}

func fixDelivery(reason credential.Reason) string {
	switch reason {
	case credential.ReasonTimeout:
		return "Writing takes too long. Check the disk or the remote file system."
	case credential.ReasonCancelled:
		return fixNothing
	default:
		return "Check the path, its owner and mode, the space on the disk, and ReadWritePaths= of the unit."
	}
}

func fixHook(reason credential.Reason) string {
	switch reason {
	case credential.ReasonTimeout:
		return "The command took too long. Run it by hand, or raise timeout of on_change."
	case credential.ReasonCancelled:
		return fixNothing
	default:
		return "Run the command by hand as the daemon's user."
	}
}

// Fixes returns every sentence that a fix can contain, for translations.
func Fixes() []string {
	all := []string{Retries, fixNothing, fixForeign, fixLogin, fixMissing, fixUnreadEnd}
	for _, reason := range credential.Reasons {
		all = append(all, fixRenewal(reason), fixDelivery(reason), fixHook(reason))
	}
	return all
}
