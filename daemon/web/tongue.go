package web

import (
	"fmt"

	"golang.org/x/text/language"
)

// tongue is the language that a page is told in. English text is the key of its
// translation; messages of failures stay in English everywhere, so that what a
// person reads here is what they find in the log and in the guide.
type tongue struct {
	tag   string // of HTML and HTTP
	words map[string]string
}

// The tongues of the page.
var (
	english    = tongue{tag: "en"}
	portuguese = tongue{tag: "pt-BR", words: portugueseWords}

	tongues = []tongue{english, portuguese} // in the order of the matcher
	matcher = language.NewMatcher([]language.Tag{language.English, language.BrazilianPortuguese})
)

// tongueFor chooses by the browser's wish, English when it has none.
func tongueFor(acceptLanguage string) tongue {
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return english
	}
	_, index, confidence := matcher.Match(wanted...)
	if confidence == language.No {
		return english
	}
	return tongues[index]
}

// say returns the text in the language.
func (l tongue) say(text string) string {
	if word, ok := l.words[text]; ok {
		return word
	}
	return text
}

// sayf is say for a text with places to fill.
func (l tongue) sayf(text string, args ...any) string {
	return fmt.Sprintf(l.say(text), args...)
}
