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
	body := bytes.TrimLeft(bytes.TrimPrefix(narrowed(a.Body), []byte("\xef\xbb\xbf")), " \t\r\n\x00")
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

// narrowed returns the beginning of a text in UTF-16 as ASCII, which is all that HTML
// needs, and any other text as it is. Some portals of Windows send UTF-16 and do not
// say so.
func narrowed(body []byte) []byte {
	head := body[:min(len(body), 2*headOfPage)]
	var low int
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("<\x00")):
		low = 0
	case bytes.HasPrefix(head, []byte("\xfe\xff")), bytes.HasPrefix(head, []byte("\x00<")):
		low = 1
	default:
		return body
	}
	text := make([]byte, 0, headOfPage)
	for i := 0; i+1 < len(head); i += 2 {
		if head[i+1-low] == 0 {
			text = append(text, head[i+low])
		}
	}
	return text
}

// isXML reports whether the beginning is XML: it has a declaration, a
// namespace, or the fault element of a gateway, which often has neither.
func isXML(head []byte) bool {
	root, _, _ := bytes.Cut(head, []byte(">"))
	return bytes.HasPrefix(head, []byte("<?xml")) || bytes.Contains(root, []byte("xmlns")) ||
		bytes.ContainsRune(root, ':') || bytes.Contains(root, []byte("fault"))
}
