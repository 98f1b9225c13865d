package exchange

import "strings"

// HeaderText reports whether a header can carry the text as it is: no blank, no
// control character, none beyond ASCII. Anything else would break the header it
// is put into, or write another one.
func HeaderText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

// PlainText reports whether the text holds no control character. Blanks and
// letters beyond ASCII are fine.
func PlainText(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f })
}
