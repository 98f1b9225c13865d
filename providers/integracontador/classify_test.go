package integracontador

import (
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/providers/providertest"
)

type timeOf = time.Time

func TestParseCode(t *testing.T) {
	for text, want := range map[string]string{
		"[AcessoNegado-AUTENTICAPROCURADOR-013]": "AUTENTICAPROCURADOR-013",
		" [EntradaIncorreta-ICGERENCIADOR-044] ": "ICGERENCIADOR-044",
		"ICGERENCIADOR-20":                       "ICGERENCIADOR-020",
		"erro-icgerenciador-1":                   "ICGERENCIADOR-001",
		"[Sucesso-AUTENTICAPROCURADOR]":          "",
		"200":                                    "",
		"[AcessoNegado-OUTRO-013]":               "",
		"AUTENTICAPROCURADOR-":                   "",
		"AUTENTICAPROCURADOR-1234":               "",
		"AUTENTICAPROCURADOR-x13":                "",
		"":                                       "",
	} {
		c, ok := parseCode(text)
		if ok != (want != "") || ok && c.String() != want {
			t.Errorf("%q: %v %v, want %q", text, c, ok, want)
		}
	}
}

func TestDates(t *testing.T) {
	local := func(text string) time.Time { return brt(text) }
	for text, want := range map[string]time.Time{
		"2026-03-11T00:00:01":               local("2026-03-11 00:00:01"),
		"2026-03-11T00:00:01.123456789":     local("2026-03-11 00:00:01").Add(123456789),
		"2026-03-11T00:00:01.4":             local("2026-03-11 00:00:01").Add(400 * time.Millisecond),
		"2022-08-12T16:38:02.4163946-03:00": local("2022-08-12 16:38:02").Add(416394600),
		"2022-08-12T16:38:02Z":              time.Date(2022, 8, 12, 16, 38, 2, 0, time.UTC),
		"2022-08-12T16:38:02-0200":          time.Date(2022, 8, 12, 18, 38, 2, 0, time.UTC),
		"2022-08-12":                        {},
		"12/08/2022 00:00:00":               {},
		"0001-01-01T00:00:00":               {},
	} {
		if got, ok := parseLocal(text); ok != !want.IsZero() || ok && !got.Equal(want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	first := time.Date(2022, 10, 15, 0, 0, 1, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"Sat, 15 Oct 2022 00:00:01 GMT": first, "sab, 15 out 2022 00:00:01 GMT": first, "sáb, 15 out 2022 00:00:01 gmt": first,
		"Saturday, 15-Oct-22 00:00:01 GMT": first, "15 out 2022 00:00:01 GMT": first, "sábado, 15 outubro 2022 00:00:01 UTC": first,
		"sab, 15 xxx 2022 00:00:01 GMT": {}, "seg, 31 fev 2022 00:00:01 GMT": {}, "15 out 2022 24:00:00 GMT": {}, "15 out 2022 00:60:00 GMT": {},
		"15 out 2022 00:00:01": {}, "": {}, "0": {}, "-1": {}, "15 uto 2022 00:00:01 GMT": {},
	} {
		if got, ok := parseExpires(text); ok != !want.IsZero() || ok && !got.Equal(want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
	for i, name := range strings.Fields("jan fev mar abr mai jun jul ago set out nov dez") {
		if monthOf(name) != time.Month(i+1) {
			t.Errorf("%s is month %d", name, monthOf(name))
		}
	}
	for i, name := range strings.Fields("jan feb mar apr may jun jul aug sep oct nov dec") {
		if monthOf(name) != time.Month(i+1) {
			t.Errorf("%s is month %d", name, monthOf(name))
		}
	}
}

// TestReadmeNamesEveryReason compares the table of errors with the recorded
// answers. Its blocks are loaded together with those of all papers.
func TestReadmeNamesEveryReason(t *testing.T) {
	providertest.ReadmeNamesEveryReason(t, "testdata/*/*.http")
}
