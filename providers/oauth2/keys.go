package oauth2

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers/exchange"
	"github.com/vigented/vigente/providers/tokens"
)

// keys reads a table of the configuration; a preset fills in absent keys.
type keys struct {
	own    *section.Section
	preset *section.Section // an empty table without a preset
}

func (k keys) text(key, fallback string) string {
	return k.own.Text(key, k.preset.Text(key, fallback))
}

func (k keys) choice(key, fallback string, allowed ...string) string {
	return k.own.Choice(key, k.preset.Choice(key, fallback, allowed...), allowed...)
}

func (k keys) duration(key string, fallback time.Duration) time.Duration {
	return k.own.Duration(key, k.preset.Duration(key, fallback))
}

func (k keys) boolean(key string, fallback bool) bool {
	return k.own.Bool(key, k.preset.Bool(key, fallback))
}

// address reads a URL.
func (k keys) address(key string, required bool) *url.URL {
	opt := exchange.URLOptions{Query: true}
	if k.preset.Has(key) {
		opt.Optional = true
		if k.own.Text(key, "") == "" {
			return exchange.HTTPSURL(k.preset, key, opt)
		}
	}
	opt.Optional = opt.Optional || !required
	return exchange.HTTPSURL(k.own, key, opt)
}

// members reads a table of texts and secrets, starting with the preset's.
func (k keys) members(key string) []section.Member {
	return mergeMembers(k.preset.Members(key), k.own.Members(key))
}

// mergeMembers merges two tables by member; the second takes precedence.
func mergeMembers(far, near []section.Member) []section.Member {
	merged := slices.DeleteFunc(slices.Clone(far), func(m section.Member) bool {
		return slices.ContainsFunc(near, func(n section.Member) bool { return n.Key == m.Key })
	})
	return append(merged, near...)
}

// names reads the server's names for parameters, starting with the preset's.
func (k keys) names(outer map[string]string) map[string]string {
	var names map[string]string
	for _, s := range []*section.Section{k.preset, k.own} {
		for _, e := range s.TextMap("names") {
			switch {
			case !slices.Contains(standardNames, e.Key):
				s.Faultf("names."+e.Key, "is not a name of the standards (expected one of %s)", strings.Join(standardNames, ", "))
			case e.Text == "" || !exchange.PlainText(e.Text):
				s.Faultf("names."+e.Key, "is not a name (expected what the server calls it)")
			}
			if names == nil {
				names = map[string]string{}
				maps.Copy(names, outer)
			}
			names[e.Key] = e.Text
		}
	}
	if names == nil {
		return outer // shared by all credentials that translate nothing themselves
	}
	return names
}

// standardNames lists the names that can be translated.
var standardNames = []string{
	"grant_type", "client_id", "client_secret", "scope", "audience", "resource", "username", "password", "refresh_token", "code",
	"redirect_uri", "code_verifier", "assertion", "subject_token", "subject_token_type", "client_assertion", "client_assertion_type",
	"device_code", "access_token", "token_type", "id_token", "expires_in", "expires_at", "expires_on", "refresh_expires_in", "error",
}

// textOrSecret reads a one-line key that may be text or a reference.
func textOrSecret(s *section.Section, key string) credential.Secret {
	return exchange.OneLine(s, key, s.TextOrSecret(key))
}

// template is one parameter or header and the text it is filled from.
type template struct {
	tokens.Param
	written string // as written in the configuration; never contains a secret
	*filling
}

// filling is the text of a template that refers to credentials.
type filling struct {
	text credential.Template
	refs []credential.Ref
	at   string // the key, for messages
}

// templates parses ${credential.field} in the texts of a table.
func templates(s *section.Section, key string, members []section.Member) []template {
	list := make([]template, 0, len(members))
	for _, m := range members {
		t := template{Param: tokens.Param{Name: m.Key, Value: m.Text, Literal: m.Literal}}
		if !m.Secret {
			t.written = m.Text.Reveal()
		}
		if !m.Secret && !m.Literal {
			t.fill(s, key+"."+m.Key, m.Text.Reveal())
		}
		list = append(list, t)
	}
	return list
}

func (t *template) fill(s *section.Section, at, text string) {
	parsed, faults := credential.ParseTemplate(s.References(at, text))
	for _, err := range faults {
		s.Faultf(at, "%v", err)
	}
	if refs := parsed.Refs(); len(refs) > 0 {
		t.filling = &filling{parsed, refs, at}
		return
	}
	if v, err := parsed.Expand(nil); err == nil {
		t.Value = v
	}
}

// expand fills the parameters from the credentials that they refer to.
func expand(list []template, req credential.Request) ([]tokens.Param, *credential.Fault) {
	params := make([]tokens.Param, 0, len(list))
	for _, t := range list {
		p := t.Param
		if t.filling != nil {
			v, err := t.text.Expand(req.Inputs)
			if err != nil {
				return nil, &credential.Fault{Reason: credential.ReasonInternal, Message: t.at + ": " + err.Error(), Err: err}
			}
			p.Value = v
		}
		params = append(params, p)
	}
	return params, nil
}

// refsOf returns all references of the lists, each with its key.
func refsOf(lists ...[]template) (refs []credential.RefAt) {
	for _, list := range lists {
		for _, t := range list {
			if t.filling == nil {
				continue
			}
			for _, r := range t.refs {
				refs = append(refs, credential.RefAt{Ref: r, Key: t.at})
			}
		}
	}
	return refs
}

// readHeaders reads a table of headers.
func (k keys) readHeaders() []template {
	members := k.members("headers")
	for _, m := range members {
		if http.CanonicalHeaderKey(m.Key) == "" || !exchange.HeaderText(m.Key) || strings.ContainsAny(m.Key, `()<>@,;:\"/[]?={}`) {
			k.own.Faultf("headers."+m.Key, "is not the name of a header (expected letters, digits and -)")
		}
	}
	return templates(k.own, "headers", members)
}

// mergeTemplates merges two lists by name; the second takes precedence.
func mergeTemplates(far, near []template) []template {
	merged := slices.DeleteFunc(slices.Clone(far), func(m template) bool {
		return slices.ContainsFunc(near, func(n template) bool { return strings.EqualFold(n.Name, m.Name) })
	})
	return append(merged, near...)
}

// readEnd reads an expiry date that no call states.
func readEnd(s *section.Section, key string, zone *time.Location) time.Time {
	return section.Value(s, key, time.Time{}, `a date in quotes such as "2027-01-31 18:00"`, func(text string) (time.Time, error) {
		if zone == nil {
			zone = time.UTC
		}
		for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly} {
			if t, err := time.ParseInLocation(layout, text, zone); err == nil {
				return t.UTC(), nil
			}
		}
		return time.Time{}, errors.New(`is not a date (expected e.g. "2027-01-31", "2027-01-31 18:00" or "2027-01-31T18:00:00-03:00")`)
	})
}
