package senhasegura

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

const (
	// headSize is how much of a probe's answer is read.
	headSize = 4 << 10
	// skewLimit is how far the two clocks may differ before a refusal is blamed
	// on them.
	skewLimit = time.Minute
)

// forbiddenProbe reports whether a path reads a password (which the vault logs
// as a view, and which puts the credential into the application's custody) or
// fetches secrets. A list of credentials contains no passwords.
func forbiddenProbe(path string) bool {
	path = strings.ToLower(path)
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
	for i, part := range parts {
		switch {
		case strings.HasPrefix(part, "credential") && i+1 < len(parts),
			strings.HasPrefix(part, "credential") && strings.HasSuffix(path, "/"),
			part == "dapp", part == "senha", part == "senhas", part == "custody",
			strings.HasPrefix(part, "password"), strings.HasPrefix(part, "secret"):
			return true
		}
	}
	return false
}

// passedCodes are application errors for a missing object: the vault looked for
// it, so it had accepted the signature.
var passedCodes = []int{1005, 1007, 1011, 1023}

// permissionCodes are application errors for a call with a valid signature that
// the authorization does not allow.
var permissionCodes = []int{1009, 1039}

// classifyProbe returns nil if the answer to a signed call shows that the
// authorization works, else the fault. It is a pure function.
func classifyProbe(a *exchange.Answer, at time.Time) *credential.Fault {
	if f := pageFault(a); f != nil {
		return f
	}
	c := readComplaint(a.Body)
	switch {
	case a.OK() && !c.failed && c.oauth == "":
		return strange(a)
	case (a.OK() || a.Status == http.StatusBadRequest) && slices.Contains(passedCodes, c.number):
		return nil
	case (a.OK() || a.Status == http.StatusBadRequest) && slices.Contains(permissionCodes, c.number):
		return &credential.Fault{
			Reason: credential.ReasonInvalidRequest, Code: c.code(),
			Message: "the vault accepts the signature, but the authorization may not make the probe's call (set probe_path to one that it may make)",
		}
	case a.Status == http.StatusUnauthorized || c.says("invalid signature"):
		return &credential.Fault{Reason: credential.ReasonRejected, Code: c.code(), Message: refusedSignature(a, at), Keys: oauth1Secrets}
	case c.says("not authorized to access this resource"):
		return &credential.Fault{
			Reason:  credential.ReasonRejected,
			Message: "the authorization does not include the resource of the probe: add it there, or set probe_path to a call that it includes",
		}
	}
	return probeStatus(a, c)
}

// strange rejects a success that cannot come from the service: JSON written by
// something on the way, or no JSON at all.
func strange(a *exchange.Answer) *credential.Fault {
	o, whole := parseObject(a.Body)
	if o.Object != nil && (whole || len(a.Body) >= headSize) {
		// Version 2 of the API marks every answer with this header.
		if a.Header.Get("X-Request-Id") != "" {
			return nil
		}
		for _, name := range payloads {
			if _, ok := o.Object[name]; ok {
				return nil
			}
		}
	}
	return exchange.BadResponse("the answer to the probe does not come from senhasegura (is probe_path right? is a proxy in the way?)")
}

// payloads are the members known in answers of version 1.
var payloads = []string{
	"response", "devices", "device", "credentials", "credential", "info", "application", "relatedusers", "users", "user",
}

// refusedSignature blames the clock if it is the likely cause.
func refusedSignature(a *exchange.Answer, at time.Time) string {
	if date, ok := a.Date(); ok {
		if off := at.Sub(date).Round(time.Second); off.Abs() > skewLimit {
			direction := "ahead of"
			if off < 0 {
				direction = "behind"
			}
			return "the vault refuses the signature, probably for clock skew: the clock here is " + off.Abs().String() + " " + direction +
				" the vault's (set both by NTP, then renew by hand)"
		}
	}
	return "the vault refuses the signature: check the four values of the authorization, signing_base_url if a proxy changes host, port or path, " +
		checkAuthorization
}

// probeStatus classifies the remaining answers by status.
func probeStatus(a *exchange.Answer, c complaint) *credential.Fault {
	f := statusOf(a, c)
	switch {
	case f.Reason == credential.ReasonRejected:
		f.Message = "the vault refuses the probe: check " + checkAuthorization
		f.Keys = oauth1Secrets
	case a.Status == http.StatusNotFound:
		f.Message = "the vault's gateway knows no such path: check url and probe_path (it says the same when a proxy removes the Authorization header)"
	case f.Reason == credential.ReasonInvalidRequest:
		f.Message = "the vault does not accept the probe's request: check probe_path"
	}
	return f
}
