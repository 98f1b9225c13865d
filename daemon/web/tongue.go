package web

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/vigented/vigente/daemon/view"
)

// tongue is the language of a page. The English text is the key of its translation.
// Failures are translated phrase by phrase; the page keeps the English message, which
// is the one in the log and in vigente status, as a tooltip.
type tongue struct {
	tag      string // of HTML and HTTP
	words    map[string]string
	plurals  map[string]string  // of translated words that have one
	failures func() *translator // nil for English
}

// The languages of the page.
var (
	english    = tongue{tag: "en"}
	portuguese = tongue{tag: "pt-BR", words: portugueseWords, plurals: portuguesePlurals, failures: portugueseFailures}

	tongues = []tongue{english, portuguese} // in the order of the matcher
	matcher = language.NewMatcher([]language.Tag{language.English, language.BrazilianPortuguese})
)

// tongueFor returns the language that the browser prefers, English by default.
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

// say translates a text.
func (l tongue) say(text string) string {
	if word, ok := l.words[text]; ok {
		return word
	}
	return text
}

// counted translates a state of a number of credentials.
func (l tongue) counted(n int, text string) string {
	word := l.say(text)
	if plural, ok := l.plurals[word]; ok && n != 1 {
		return plural
	}
	return word
}

// sayf is say for a format.
func (l tongue) sayf(text string, args ...any) string {
	return fmt.Sprintf(l.say(text), args...)
}

// relative formats a time relative to now.
func (l tongue) relative(at, now time.Time) string {
	form, distance := view.RelativeForm(at, now)
	if distance == "" {
		return l.say(form)
	}
	return l.sayf(form, distance)
}

// fix translates the fix of a failure, which consists of sentences of the view.
func (l tongue) fix(text, name string) string {
	first, again := strings.CutSuffix(text, " "+view.Retries)
	text = l.say(first)
	if again {
		text += " " + l.say(view.Retries)
	}
	return strings.ReplaceAll(text, "NAME", name)
}
