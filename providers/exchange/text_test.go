package exchange

import "testing"

func TestTexts(t *testing.T) {
	for text, want := range map[string]struct{ header, plain bool }{
		"":             {true, true},
		"abc.DEF-_~":   {true, true},
		"a b":          {false, true},
		"coração":      {false, true},
		"a\nb":         {false, false},
		"a\tb":         {false, false},
		"a\x00":        {false, false},
		"a\x7f":        {false, false},
		"a\u0085":      {false, false},
		"a\u009b":      {false, false},
		"\xff":         {false, true},
		"a\r\nX-Y: \t": {false, false},
	} {
		if got := HeaderText(text); got != want.header {
			t.Errorf("HeaderText(%q) = %v, want %v", text, got, want.header)
		}
		if got := PlainText(text); got != want.plain {
			t.Errorf("PlainText(%q) = %v, want %v", text, got, want.plain)
		}
	}
}
