package exchange

import (
	"bytes"
	"mime"
	"strings"
)

// headOfPage is how far into a body to look for HTML.
const headOfPage = 1 << 10

// HTML reports whether the body is, or claims to be, an HTML page: a login
// page, a proxy error, a captive portal. JSON and XML are not, unless they are
// labelled as HTML or contain an HTML document.
func (a *Answer) HTML() bool {
	body := bytes.TrimLeft(bytes.TrimPrefix(a.Body, []byte("\xef\xbb\xbf")), " \t\r\n\x00")
	if len(body) > 0 && (body[0] == '{' || body[0] == '[') {
		return false // whatever the header says
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

// isXML reports whether the beginning is XML: it has a declaration, a
// namespace, or the fault element of a gateway, which often has neither.
func isXML(head []byte) bool {
	root, _, _ := bytes.Cut(head, []byte(">"))
	return bytes.HasPrefix(head, []byte("<?xml")) || bytes.Contains(root, []byte("xmlns")) ||
		bytes.ContainsRune(root, ':') || bytes.Contains(root, []byte("fault"))
}
