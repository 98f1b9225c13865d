package exchange

import (
	"bytes"
	"mime"
	"strings"
)

// headOfPage is how far into a body the marks of a page are looked for.
const headOfPage = 1 << 10

// HTML reports whether the body is, or claims to be, a page for people: a
// login page, a proxy's complaint, a captive portal. JSON and XML are none,
// unless they are labelled as a page or hold one.
func (a *Answer) HTML() bool {
	body := bytes.TrimLeft(bytes.TrimPrefix(a.Body, []byte("\xef\xbb\xbf")), " \t\r\n\x00")
	if len(body) > 0 && (body[0] == '{' || body[0] == '[') {
		return false // whatever the label says
	}
	media, _, _ := mime.ParseMediaType(a.Header.Get("Content-Type"))
	if media == "text/html" || media == "application/xhtml+xml" {
		return true
	}
	if !bytes.HasPrefix(body, []byte("<")) {
		return false
	}
	head := bytes.ToLower(body[:min(len(body), headOfPage)])
	if bytes.Contains(head, []byte("<html")) || bytes.Contains(head, []byte("<!doctype html")) {
		return true
	}
	return !strings.HasSuffix(media, "/xml") && !strings.HasSuffix(media, "+xml") && !isXML(head)
}

// isXML reports a beginning that only XML has: a declaration, a name space, or
// the fault of a gateway, which often comes without either.
func isXML(head []byte) bool {
	root, _, _ := bytes.Cut(head, []byte(">"))
	return bytes.HasPrefix(head, []byte("<?xml")) || bytes.Contains(root, []byte("xmlns")) ||
		bytes.ContainsRune(root, ':') || bytes.Contains(root, []byte("fault"))
}
