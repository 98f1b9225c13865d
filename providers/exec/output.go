package exec

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/providers/exchange"
)

// Forms of a command's output.
const (
	formAuto       = "auto"
	formText       = "text"
	formOAuth      = "oauth"
	formKubernetes = "exec-credential"
	formAWS        = "credential-process"
	formGit        = "git"
	formDocker     = "docker"
	formGcloud     = "gcloud"
	formAzure      = "azure"
)

var forms = [...]string{formAuto, formText, formOAuth, formKubernetes, formAWS, formGit, formDocker, formGcloud, formAzure}

// Fields of a credential.
const (
	fieldToken    = "token"
	fieldUsername = "username"
	fieldKeyID    = "access_key_id"
	fieldSecret   = "secret_access_key"
	fieldSession  = "session_token"
)

// fieldsOf returns the fields of a form. For auto, they are those of any form with
// only a token.
func fieldsOf(form string) []string {
	switch form {
	case formGit, formDocker:
		return []string{fieldToken, fieldUsername}
	case formAWS:
		return []string{fieldKeyID, fieldSecret, fieldSession}
	}
	return []string{fieldToken}
}

// read makes a credential from a command's output. It is a pure function.
func read(form string, out []byte, at time.Time, zone *time.Location) (credential.Credential, *credential.Fault) {
	r := reading{at: at, zone: zone, values: map[string]string{}}
	out = bytes.TrimSpace(bytes.TrimPrefix(out, []byte("\xef\xbb\xbf")))
	if len(out) == 0 {
		return credential.Credential{}, unusable("nothing")
	}
	if form == formAuto {
		form = guess(out)
	}
	if problem := r.parse(form, out); problem != "" {
		return credential.Credential{}, unusable(problem)
	}
	return r.credential(form)
}

// unusable is the fault of output without a token.
func unusable(what string) *credential.Fault {
	return exchange.BadResponse("the command printed " + what + " (see output for the forms that are understood; vigente explain --stderr shows what it wrote beside)")
}

// guess detects the form: JSON by its members, anything else is a bare token. Text
// that begins like JSON but does not parse was cut off, and is not a token.
func guess(out []byte) string {
	o := members(out)
	has := func(name string) bool { _, ok := o[name]; return ok }
	switch {
	case o == nil && strings.IndexByte(`{["`, out[0]) < 0:
		return formText
	case has("apiversion") && has("status"):
		return formKubernetes
	case has("access_token"):
		return formOAuth
	case has("accesstoken"):
		return formAzure
	case has("token_expiry") || has("id_token") || has("credential"):
		return formGcloud
	}
	return formOAuth
}

// reading is what was found so far.
type reading struct {
	at     time.Time
	zone   *time.Location
	values map[string]string
	end    exchange.End
}

// parse reads one form and returns what is wrong.
func (r *reading) parse(form string, out []byte) string {
	switch form {
	case formText:
		if r.values[fieldToken] = string(out); string(out) == "null" {
			return "null, as jq does for what is not there"
		}
		return ""
	case formGit:
		return r.parseGit(string(out))
	}
	o := members(out)
	if o == nil {
		return "no JSON object"
	}
	switch form {
	case formKubernetes:
		status := members(o["status"])
		r.values[fieldToken] = text(status["token"])
		r.instant("expirationTimestamp", status["expirationtimestamp"])
	case formAWS:
		r.values[fieldKeyID], r.values[fieldSecret], r.values[fieldSession] = text(o["accesskeyid"]), text(o["secretaccesskey"]), text(o["sessiontoken"])
		r.instant("Expiration", o["expiration"])
	case formDocker:
		r.values[fieldToken], r.values[fieldUsername] = text(o["secret"]), text(o["username"])
	case formAzure:
		r.values[fieldToken] = text(o["accesstoken"])
		r.azureEnd(o)
	case formGcloud:
		if inner := members(o["credential"]); inner != nil {
			o = inner
		}
		r.values[fieldToken] = text(o["access_token"])
		if r.values[fieldToken] == "" {
			r.values[fieldToken] = text(o["token"])
		}
		r.instant("token_expiry", o["token_expiry"])
		if r.end.At.IsZero() && r.end.Unread == "" {
			r.end = exchange.TokenEnd(o, r.values[fieldToken], &exchange.Answer{}, r.at)
		}
	default:
		r.values[fieldToken] = text(o["access_token"])
		if r.values[fieldToken] == "" {
			r.values[fieldToken] = text(o["token"])
		}
		r.end = exchange.TokenEnd(o, r.values[fieldToken], &exchange.Answer{}, r.at)
	}
	return ""
}

// parseGit reads the lines of a git credential helper.
func (r *reading) parseGit(out string) string {
	for line := range strings.Lines(out) {
		name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "=")
		if !ok {
			return "a line that a git credential helper does not print"
		}
		switch name {
		case "password":
			r.values[fieldToken] = value
		case "username":
			r.values[fieldUsername] = value
		case "password_expiry_utc":
			r.instant("password_expiry_utc", json.RawMessage(value))
		}
	}
	return ""
}

// azureEnd prefers expires_on, which is absolute, to expiresOn, which is the
// machine's local time without a zone.
func (r *reading) azureEnd(o map[string]json.RawMessage) {
	if raw, ok := o["expires_on"]; ok {
		if r.instant("expires_on", raw); !r.end.At.IsZero() {
			return
		}
	}
	written := text(o["expireson"])
	for _, layout := range []string{"2006-01-02 15:04:05.999999", "2006-01-02T15:04:05.999999"} {
		if t, err := time.ParseInLocation(layout, written, r.zone); err == nil {
			r.end = exchange.End{At: t}
			return
		}
	}
	r.instant("expiresOn", o["expireson"])
}

// instant reads an expiry stated as an absolute time.
func (r *reading) instant(name string, raw json.RawMessage) {
	if len(raw) == 0 || string(raw) == "null" {
		return
	}
	t, ok := exchange.ParseInstant(raw)
	if !ok {
		r.end = exchange.End{Unread: exchange.UnreadEnd(name)}
		return
	}
	r.end = exchange.End{At: t}
}

// credential checks what was found.
func (r *reading) credential(form string) (credential.Credential, *credential.Fault) {
	c := credential.Credential{
		Values: map[string]credential.Secret{}, IssuedAt: r.at,
		ExpiresAt: r.end.At, CountedExpiry: r.end.Counted, UnreadEnd: r.end.Unread,
	}
	for i, name := range fieldsOf(form) {
		value := r.values[name]
		optional := name == fieldSession || name == fieldUsername
		switch {
		case value == "" && optional:
			continue
		case value == "":
			return credential.Credential{}, unusable("no " + name)
		case i == 0 && strings.HasPrefix(value, "<"):
			return credential.Credential{}, unusable("a page (HTML) in place of a token")
		case name != fieldUsername && strings.ContainsAny(value, " \t\r\n"), !exchange.PlainText(value), !utf8.ValidString(value):
			return credential.Credential{}, unusable("a " + name + " with a blank, a line break or another control character in it")
		}
		c.Values[name] = credential.NewSecret(value)
	}
	if !c.ExpiresAt.IsZero() && !c.ExpiresAt.After(r.at) {
		return credential.Credential{}, unusable("a token that has already expired")
	}
	return c, nil
}

// members parses a JSON object, with names in lower case; nil for anything else.
func members(data []byte) map[string]json.RawMessage {
	var o map[string]json.RawMessage
	if json.Unmarshal(data, &o) != nil || o == nil {
		return nil
	}
	folded := make(map[string]json.RawMessage, len(o))
	for name, value := range o {
		folded[strings.ToLower(name)] = value
	}
	return folded
}

// text returns a JSON string; empty for anything else.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
