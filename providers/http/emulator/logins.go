package emulator

import (
	"crypto/rand"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/vigented/vigente/providers/emulation"
)

// form is one form of login.
type form struct {
	path, help string
	answer     func(*call)
}

// Form is one form of login: the end of its path, and a line of help.
type Form struct{ Path, Help string }

// Forms lists the forms of login with a line of help each.
func Forms() (list []Form) {
	for _, f := range logins() {
		list = append(list, Form{f.path, f.help})
	}
	return list
}

// logins are matched in order, so longer paths come first.
func logins() []form {
	return []form{
		{"/actions/login", "JSON username, password; answers JSON whose jsonToken is JSON again", nested},
		{"/v1/Login", "JSON UserName, Password, CompanyDB; answers SessionId, minutes, and the cookie B1SESSION", cookies},
		{"/login", "JSON user, password; answers token, data.token, data.expires_in, code, X-User", first},
		{"/branch", "form session, from /login; answers the cookie SID and ticket.until in RFC 3339", second},
		{"/soap", "XML <login><session>, from /login; answers XML in ISO 8859-1, /reply/ticket", soap},
		{"/ticket", "Basic; answers bare text, and its end in X-Valid-Until, local time of Brasília", bare},
		{"/once", "form code, from /login, which works once; answers token and expires in milliseconds", once},
	}
}

// document parses a JSON body of texts, all of which must be present.
func (c *call) document(names ...string) (map[string]string, bool) {
	mediaType, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	var all map[string]any
	if c.r.Method != http.MethodPost || mediaType != "application/json" || json.Unmarshal(c.body, &all) != nil {
		c.refuse(http.StatusBadRequest, "FORM")
		return nil, false
	}
	out := map[string]string{}
	for _, name := range names {
		text, ok := all[name].(string)
		if !ok {
			c.refuse(http.StatusBadRequest, "FIELD")
			return nil, false
		}
		out[name] = text
	}
	return out, true
}

// field reads one field of a form.
func (c *call) field(name string) string {
	mediaType, _, _ := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	fields, err := url.ParseQuery(string(c.body))
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return ""
	}
	return fields.Get(name)
}

// seconds is the lifetime that an answer states.
func (c *call) seconds() int64 { return int64(c.settings.Lifetime / time.Second) }

// first is the usual login: a session for a name and a password.
func first(c *call) {
	in, ok := c.document("user", "password")
	if !ok || !c.user(in["user"], in["password"]) {
		return
	}
	token := c.open(in["user"])
	c.w.Header().Set("X-User", in["user"])
	code := rand.Text()
	c.Plant(code)
	c.success(map[string]any{"token": token, "code": code, "data": map[string]any{"token": token, "expires_in": c.seconds()}})
}

// second is a step that needs the session of the first one.
func second(c *call) {
	user, active := c.holder(c.field("session"))
	if !active {
		c.refuse(http.StatusUnauthorized, "SESSION")
		return
	}
	ticket := c.open(user)
	http.SetCookie(c.w, &http.Cookie{Name: "SID", Value: ticket, HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode, Path: "/"})
	c.success(map[string]any{"ticket": map[string]any{"value": ticket, "until": c.at.Add(c.settings.Lifetime).UTC().Format(time.RFC3339)}})
}

// nested puts the answer into a text of the answer.
func nested(c *call) {
	in, ok := c.document("username", "password")
	if !ok || !c.user(in["username"], in["password"]) {
		return
	}
	inner, err := json.Marshal(map[string]any{"access_token": c.open(in["username"]), "token_type": "Bearer", "expires_in": c.seconds()})
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	c.success(map[string]any{"jsonToken": string(inner)})
}

// cookies returns a session that further requests send as a cookie.
func cookies(c *call) {
	in, ok := c.document("UserName", "Password", "CompanyDB")
	if !ok || !c.user(in["UserName"], in["Password"]) {
		return
	}
	session := c.open(in["UserName"])
	for name, value := range map[string]string{"B1SESSION": session, "ROUTEID": ".node1"} {
		http.SetCookie(c.w, &http.Cookie{Name: name, Value: value, HttpOnly: true, Secure: true, SameSite: http.SameSiteLaxMode, Path: "/b1s"})
	}
	c.success(map[string]any{"SessionId": session, "Version": "1000190", "SessionTimeout": int64(c.settings.Lifetime / time.Minute)})
}

// soap is a service that speaks XML in a legacy encoding.
func soap(c *call) {
	var in struct {
		XMLName xml.Name `xml:"login"`
		Session string   `xml:"session"`
	}
	if xml.Unmarshal(c.body, &in) != nil {
		c.refuse(http.StatusBadRequest, "FORM")
		return
	}
	user, active := c.holder(strings.TrimSpace(in.Session))
	if !active {
		c.refuse(http.StatusUnauthorized, "SESSION")
		return
	}
	text := "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\r\n<r:reply xmlns:r=\"urn:emulator\"><user id=\"7\">Jo\xe3o</user><ticket>" + c.open(user) + "</ticket></r:reply>\r\n"
	c.send("text/xml; charset=ISO-8859-1", text)
}

// bare answers with the token and nothing around it.
func bare(c *call) {
	name, password, ok := c.r.BasicAuth()
	if !ok {
		c.w.Header().Set("WWW-Authenticate", `Basic realm="emulator"`)
	}
	if !c.user(name, password) {
		return
	}
	brasilia := time.FixedZone("", -3*60*60)
	c.w.Header().Set("X-Valid-Until", c.at.Add(c.settings.Lifetime).In(brasilia).Format("02/01/2006 15:04:05"))
	c.send("text/plain", c.open(name)+"\r\n")
}

// once accepts a code that works once.
func once(c *call) {
	if !c.spend(c.field("code")) {
		c.refuse(http.StatusConflict, "USED")
		return
	}
	c.success(map[string]any{"token": c.open("code"), "expires": c.settings.Lifetime.Milliseconds()})
}

// success answers with a document, in the form that a fault asks for.
func (c *call) success(members map[string]any) {
	changeLife(c.fault, members)
	text, err := json.Marshal(members)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	contentType := "application/json; charset=utf-8"
	if c.fault == "labelled-as-text" {
		contentType = "text/plain"
	}
	body := string(text)
	if c.fault == "byte-order-mark" {
		body = "\xef\xbb\xbf" + body
	}
	c.send(contentType, body)
}

// send answers a granted login, unless the answer is to be lost.
func (c *call) send(contentType, body string) {
	if c.fault == "lost-answer" {
		emulation.Drop()
	}
	emulation.Write(c.w, http.StatusOK, contentType, body)
}

// changeLife replaces every stated lifetime in a document with an unreadable one.
func changeLife(fault string, members map[string]any) {
	for name, value := range members {
		if inner, ok := value.(map[string]any); ok {
			changeLife(fault, inner)
		}
		if name != "expires_in" && name != "expires" && name != "until" {
			continue
		}
		switch fault {
		case "expires-absent":
			delete(members, name)
		case "expires-words":
			members[name] = "one hour"
		case "expires-zero":
			members[name] = 0
		case "expires-text":
			members[name] = fmt.Sprint(value)
		}
	}
}
