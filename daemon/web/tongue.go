package web

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/vigented/vigente/daemon/view"
)

// tongue is the language that a page is told in. English text is the key of its
// translation. Failures are translated by their phrases; the English message,
// which is what the log and vigente status say, stays within reach.
type tongue struct {
	tag      string // of HTML and HTTP
	words    map[string]string
	failures func() *translator // nil for English
}

// The tongues of the page.
var (
	english    = tongue{tag: "en"}
	portuguese = tongue{tag: "pt-BR", words: portugueseWords, failures: portugueseFailures}

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

// relative says an instant as seen from now.
func (l tongue) relative(at, now time.Time) string {
	form, distance := view.RelativeForm(at, now)
	if distance == "" {
		return l.say(form)
	}
	return l.sayf(form, distance)
}

// fix says what to do about a failure of the thing of a name: sentences of the
// view, one after the other.
func (l tongue) fix(text, name string) string {
	first, again := strings.CutSuffix(text, " "+view.Retries)
	text = l.say(first)
	if again {
		text += " " + l.say(view.Retries)
	}
	return strings.ReplaceAll(text, "NAME", name)
}
