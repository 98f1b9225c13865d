package emulator

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// device is one login started on a device (RFC 8628).
type device struct {
	*grant
	userCode       string
	allowed, ended bool
	askedAt        time.Time
	endsAt         time.Time
}

// deviceAuthorization starts a login.
func (x *exchange) deviceAuthorization() {
	if x.r.Method != http.MethodPost {
		http.NotFound(x.w, x.r)
		return
	}
	x.form = x.parameters()
	c, ok := x.client()
	if !ok {
		x.refuse(http.StatusUnauthorized, "invalid_client")
		return
	}
	deviceCode, userCode := rand.Text(), rand.Text()[:4]+"-"+rand.Text()[:4]
	const life = 10 * time.Minute
	x.locked(func() {
		x.devices[deviceCode] = &device{
			grant: &grant{client: c.ID, user: "somebody", scope: x.param("scope")}, userCode: userCode,
			allowed: x.set.AutoApprove, endsAt: x.at.Add(life),
		}
	})
	x.json(http.StatusOK, map[string]any{
		"device_code": deviceCode, "user_code": userCode, "expires_in": int(life.Seconds()),
		"interval": int(x.set.interval().Seconds()), "verification_uri": x.issuer() + "/activate",
		"verification_uri_complete": x.issuer() + "/activate?user_code=" + userCode,
	})
}

// activate is the page on which a person types the code of a device.
func (x *exchange) activate() {
	fields := x.r.URL.Query()
	if x.r.Method == http.MethodPost {
		posted, _ := url.ParseQuery(string(x.body))
		for name, list := range posted {
			fields[name] = list
		}
	}
	userCode := strings.ToUpper(strings.TrimSpace(fields.Get("user_code")))
	if x.r.Method != http.MethodPost {
		page(x.w, http.StatusOK, pageData{Title: "Log a device in", Fields: fields, Typed: userCode == "", Ask: true})
		return
	}
	found := false
	x.locked(func() {
		for _, d := range x.devices {
			if d.userCode == userCode && x.at.Before(d.endsAt) {
				found = true
				d.allowed, d.ended = fields.Get("decision") == "allow", fields.Get("decision") == "deny"
			}
		}
	})
	if !found {
		page(x.w, http.StatusBadRequest, pageData{Title: "There is no such code"})
		return
	}
	page(x.w, http.StatusOK, pageData{Title: "Done, you may close this page"})
}

// polled answers a device that asks whether the person is done.
func (x *exchange) polled(c Client) {
	var d *device
	code := ""
	x.locked(func() {
		x.counts.Polls++
		d = x.devices[x.param("device_code")]
		switch {
		case d == nil || d.client != c.ID:
			code = "invalid_grant"
		case !x.at.Before(d.endsAt):
			code = "expired_token"
		case d.ended:
			code = "access_denied"
		case !d.askedAt.IsZero() && x.age(d.askedAt) < x.set.interval()-time.Second:
			code = "slow_down"
		case !d.allowed:
			code = "authorization_pending"
		default:
			delete(x.devices, x.param("device_code"))
		}
		if d != nil {
			d.askedAt = x.at
		}
	})
	if code != "" {
		x.refuse(http.StatusBadRequest, code)
		return
	}
	x.issue(d.grant, true)
}
