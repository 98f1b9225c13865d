package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/internal/section"
)

// meaning is what docs/keys.toml says of one key.
type meaning struct {
	en, pt   string
	fallback string // shown in place of the code's, where that follows from other keys
}

// tongue is one language of the reference.
type tongue struct {
	file    string
	pick    func(meaning) string
	phrases map[string]string // English to its own; nil for English
}

func (l tongue) say(text string) string {
	if l.phrases == nil {
		return text
	}
	word, ok := l.phrases[text]
	if !ok {
		return "MISSING: " + text // seen by the comparison with the file, and by people
	}
	return word
}

// key is one row of the reference.
type key struct {
	section.Key
	required bool
}

// reference is what the code asks for, ready to be written down.
type reference struct {
	settings []section.Key
	// tables holds the keys below "providers", "credentials" and "sinks" by the
	// kind; "*" stands for what every kind has.
	tables map[string]map[string][]key
	fields map[string][]string // by kind of credential, in the order of showing
}

// gather opens the example with all of its keys and notes what is asked for.
func gather(t testing.TB) reference {
	t.Helper()
	cfg, plan, faults := openExample(t, commentedKey.ReplaceAllString(readExample(t), "$1"))
	for _, f := range faults {
		t.Fatal(f)
	}
	r := reference{settings: cfg.Settings(), tables: map[string]map[string][]key{}, fields: map[string][]string{}}
	types := map[string]string{}
	for _, p := range cfg.Providers {
		types[p.Name] = p.Type
		r.add(cfg, "providers", p.Type, p.Section)
	}
	for _, c := range cfg.Credentials {
		r.add(cfg, "credentials", types[c.Provider], c.Section)
	}
	for _, s := range cfg.Sinks {
		r.add(cfg, "sinks", s.Type, s.Section)
	}
	for _, f := range cfg.Fleets {
		r.add(cfg, "fleets", "*", f.Section)
	}
	for _, c := range plan.Credentials {
		list := strings.Join(c.Fields, ", ")
		if !slices.Contains(r.fields[c.Type], list) {
			r.fields[c.Type] = append(r.fields[c.Type], list)
		}
	}
	for table, kinds := range r.tables {
		for kind, keys := range kinds {
			for i := range keys {
				keys[i].required = table == "fleets" && slices.Contains([]string{"rows", "name", "credential"}, keys[i].Name) ||
					table != "fleets" && required(t, table, kind, keys[i].Name, types)
			}
		}
	}
	r.share("providers", "type", "rate", "concurrency", "tls", "proxy")
	r.share("credentials", "provider", "on_failure")
	r.share("sinks", "type", "path", "mode", "owner", "group", "enforce", "on_change")
	return r
}

// required finds out by taking the key out of every table of its kind: there
// must be a fault each time.
func required(t testing.TB, table, kind, key string, types map[string]string) bool {
	if strings.Contains(key, ".") {
		return false // within an inline table, which is told as a whole
	}
	text := readExample(t) // a key that is commented out is not required
	line := regexp.MustCompile(`(?m)^` + key + ` *=.*\n`)
	header := regexp.MustCompile(`(?m)^\[` + table + `\.[a-z0-9-]+\]\n`)
	found := false
	for _, at := range header.FindAllStringIndex(text, -1) {
		end := len(text)
		if next := regexp.MustCompile(`(?m)^\[`).FindStringIndex(text[at[1]:]); next != nil {
			end = at[1] + next[0]
		}
		body := text[at[1]:end]
		of := regexp.MustCompile(`(?m)^(?:type|provider) *= *"([^"]+)"`).FindStringSubmatch(body)
		if of == nil || of[1] != kind && types[of[1]] != kind {
			continue
		}
		without := line.ReplaceAllString(body, "")
		if without == body {
			return false
		}
		found = true
		if _, _, faults := openExample(t, text[:at[1]]+without+text[end:]); len(faults) == 0 {
			return false
		}
	}
	return found
}

// add notes the keys of one table, each once; those of [renewal] stand there.
func (r *reference) add(cfg *config.Config, table, kind string, s *section.Section) {
	if r.tables[table] == nil {
		r.tables[table] = map[string][]key{}
	}
	for _, k := range s.Described() {
		pace := slices.ContainsFunc(cfg.Settings(), func(set section.Key) bool { return set.Name == "renewal."+k.Name })
		known := slices.ContainsFunc(r.tables[table][kind], func(o key) bool { return o.Name == k.Name })
		if !pace && !known {
			r.tables[table][kind] = append(r.tables[table][kind], key{Key: k})
		}
	}
}

// share moves the keys of every kind, with what lies below them, to "*".
func (r *reference) share(table string, names ...string) {
	kinds := r.tables[table]
	seen := map[string]bool{}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		kinds[kind] = slices.DeleteFunc(kinds[kind], func(k key) bool {
			first, _, _ := strings.Cut(k.Name, ".")
			if !slices.Contains(names, first) {
				return false
			}
			if !seen[k.Name] {
				seen[k.Name] = true
				kinds["*"] = append(kinds["*"], k)
			}
			return true
		})
	}
	slices.SortStableFunc(kinds["*"], func(a, b key) int {
		firstA, _, _ := strings.Cut(a.Name, ".")
		firstB, _, _ := strings.Cut(b.Name, ".")
		return slices.Index(names, firstA) - slices.Index(names, firstB)
	})
}

// TestReferenceOfTheConfiguration compares the reference in both languages with
// what the code asks for; with -update it is written.
func TestReferenceOfTheConfiguration(t *testing.T) {
	meanings := map[string]meaning{}
	data, err := os.ReadFile("../../docs/keys.toml")
	if err != nil {
		t.Fatal(err)
	}
	// A table of settings is one level deeper than a quoted path.
	var tree map[string]any
	if err := toml.Unmarshal(data, &tree); err != nil {
		t.Fatal(err)
	}
	flatten(meanings, "", tree)
	r := gather(t)
	used := map[string]bool{}
	for _, l := range tongues {
		w := &writer{tongue: l, meanings: meanings, used: used, t: t}
		text := w.all(r)
		if *update {
			if err := os.WriteFile("../../docs/"+l.file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile("../../docs/" + l.file)
		if err != nil {
			t.Fatal(err)
		}
		if string(have) != text {
			t.Errorf("docs/%s is not what the code says: run make reference", l.file)
		}
		if strings.Contains(text, "MISSING") {
			t.Errorf("docs/%s lacks words", l.file)
		}
	}
	for name := range meanings {
		if !used[name] {
			t.Errorf("docs/keys.toml explains %s, which nobody asks for", name)
		}
	}
}

func flatten(into map[string]meaning, path string, tree map[string]any) {
	en, _ := tree["en"].(string)
	pt, _ := tree["pt"].(string)
	if en != "" || pt != "" {
		fallback, _ := tree["default"].(string)
		into[path] = meaning{en, pt, fallback}
		return
	}
	for key, below := range tree {
		if table, ok := below.(map[string]any); ok {
			flatten(into, strings.TrimPrefix(path+"."+key, "."), table)
		}
	}
}

// writer writes the reference in one language.
type writer struct {
	tongue
	meanings map[string]meaning
	used     map[string]bool
	t        testing.TB
	text     strings.Builder
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.text, format+"\n", args...) }

func (w *writer) all(r reference) string {
	w.line("<!-- %s -->", "Made by: make reference. Change docs/keys.toml or the code instead.")
	w.line("# %s\n", w.say("Every key of the configuration"))
	w.line("%s\n", w.say(introduction))
	w.line("## include\n")
	w.rows("include", []key{{Key: section.Key{Form: section.FormTexts}}})
	for _, table := range []string{"daemon", "log", "metrics", "cluster", "renewal"} {
		w.line("## [%s]\n", table)
		if table == "renewal" {
			w.line("%s\n", w.say("Any key of this table may be repeated in a provider, for all of its credentials, and in a credential."))
		}
		var keys []key
		for _, k := range r.settings {
			if name, ok := strings.CutPrefix(k.Name, table+"."); ok {
				k.Name = name
				keys = append(keys, key{Key: k})
			}
		}
		w.rows(table+".", keys)
	}
	for _, group := range []struct{ table, what, each string }{
		{"providers", "A backend and the account for it.", "type"},
		{"credentials", "One token to keep valid.", "provider type"},
		{"sinks", "One place that receives values.", "type"},
	} {
		w.line("## [%s.NAME]\n", group.table)
		w.line("%s\n", w.say(group.what))
		if group.table == "credentials" {
			w.line("%s\n", w.say(identity))
		}
		w.rows(group.table+".*.", r.tables[group.table]["*"])
		for _, kind := range order(group.table) {
			w.line("### %s: `%s`\n", w.say(group.each), kind)
			if keys := r.tables[group.table][kind]; len(keys) > 0 {
				w.rows(group.table+"."+kind+".", keys)
			}
			if group.table == "credentials" {
				w.ofCredential(kind, r.fields[kind])
			}
		}
	}
	w.line("## [fleets.NAME]\n")
	w.line("%s\n", w.say("Credentials and sinks made from the rows of a table."))
	w.rows("fleets.*.", r.tables["fleets"]["*"])
	return strings.TrimRight(w.text.String(), "\n") + "\n"
}

// identities are the keys that make a credential another one at its backend, by
// kind, and where a kind has two of them, apart.
var identities = map[string][]string{
	"arqged":           {"url, username"},
	"exec":             {"command"},
	"http":             {"url"},
	"integra-contador": {"auth_url, consumer_key", "contratante, author"},
	"oauth2":           {"token_url, client_id, grant, scope, audience, resource, username, subject, params"},
	"senhasegura":      {"url, client_id, scope", "url, consumer_key, token_key"},
	"tss":              {"url, cnpj, ie, uf"},
}

// ofCredential writes the fields of a kind and what identifies a credential.
func (w *writer) ofCredential(kind string, fields []string) {
	quoted := func(lists []string) string {
		var all []string
		for _, list := range slices.Sorted(slices.Values(lists)) {
			all = append(all, "`"+strings.ReplaceAll(list, ", ", "`, `")+"`")
		}
		return strings.Join(all, w.say("; or "))
	}
	if kind == "http" { // The configuration names them.
		w.line("%s: %s.\n", w.say("Fields for sinks"), w.say("those that `fields` names"))
	} else {
		w.line("%s: %s.\n", w.say("Fields for sinks"), quoted(fields))
	}
	keys, ok := identities[kind]
	if !ok {
		w.t.Errorf("the reference does not say what identifies a credential of %s", kind)
	}
	w.line("%s: %s.\n", w.say("Identity at the backend"), quoted(keys))
}

// order is the kinds of a table as their catalogue lists them.
func order(table string) (names []string) {
	if table == "sinks" {
		for _, kind := range sinkKinds() {
			names = append(names, kind.Name)
		}
		return names
	}
	for _, kind := range providerKinds() {
		names = append(names, kind.Name)
	}
	return names
}

// rows writes the keys below a path.
func (w *writer) rows(path string, keys []key) {
	w.line("| %s | %s | %s | %s |", w.say("key"), w.say("form"), w.say("default"), w.say("meaning"))
	w.line("|---|---|---|---|")
	for _, k := range keys {
		name := path + k.Name
		w.used[name] = true
		m, ok := w.meanings[name]
		if !ok || m.en == "" || m.pt == "" {
			w.t.Errorf("docs/keys.toml does not explain %s in both languages", name)
		}
		shown, fallback := k.Name, ""
		if shown == "" {
			shown = path
		}
		form := w.say(string(k.Form))
		if k.Form == section.FormChoice {
			form = "`\"" + strings.Join(k.Choices, "\"`, `\"") + "\"`"
		}
		switch {
		case m.fallback != "":
			fallback = m.fallback
		case k.required:
			fallback = w.say("required")
		case k.Form == section.FormBool || k.Form == section.FormInt:
			fallback = "`" + k.Fallback + "`"
		case k.Fallback != "":
			fallback = "`\"" + strings.ReplaceAll(k.Fallback, "|", "\\|") + "\"`"
		}
		w.line("| `%s` | %s | %s | %s |", shown, form, fallback, w.pick(m))
	}
	w.line("")
}

const introduction = "Text, durations, shares, modes and paths stand in quotes. Durations are written `\"90s\"`, `\"12h\"`, `\"5d\"`; modes `\"0640\"`. " +
	"A path that does not start with `/` is relative to the file that contains it. A secret is a reference: " +
	"`{ file = \"PATH\" }` (a trailing newline is removed), `{ env = \"NAME\" }`, or `{ credential = \"NAME\" }`, provided by systemd. " +
	"A sink's text may contain `${credential.field}`. Besides the fields below, every credential has `expires_at`, `issued_at` (RFC 3339, UTC) and `generation`; `$${` is a literal `${`. " +
	"`vigente check` reports all errors at once."

const identity = "A change of a key listed under \"Identity at the backend\" makes it another credential: a new value is obtained, and the old one is kept for seven days, so that undoing the change costs no call. " +
	"For `http`, `exec` and an `oauth2` login, the name of the credential counts as well."

var tongues = []tongue{
	{file: "configuration.md", pick: func(m meaning) string { return m.en }},
	{file: "configuration.pt-BR.md", pick: func(m meaning) string { return m.pt }, phrases: map[string]string{
		"Every key of the configuration": "Todas as chaves da configuração",
		introduction: "Textos, durações, frações, modos e caminhos ficam entre aspas. Durações são escritas como `\"90s\"`, `\"12h\"`, `\"5d\"`; modos `\"0640\"`. " +
			"Um caminho que não começa com `/` é relativo ao arquivo em que está escrito. Um segredo é uma referência: " +
			"`{ file = \"CAMINHO\" }` (uma quebra de linha no fim é removida), `{ env = \"NOME\" }` ou `{ credential = \"NOME\" }`, fornecido pelo systemd. " +
			"O texto de um destino pode conter `${credencial.campo}`. Além dos campos abaixo, toda credencial tem `expires_at`, `issued_at` (RFC 3339, UTC) e `generation`; `$${` é um `${` literal. " +
			"`vigente check` mostra todos os erros de uma vez.",
		"Any key of this table may be repeated in a provider, for all of its credentials, and in a credential.": "Qualquer chave desta tabela pode ser repetida em um provedor, para todas as suas credenciais, e em uma credencial.",
		"A backend and the account for it.":                    "Um servidor e a conta para acessá-lo.",
		"One token to keep valid.":                             "Um token a manter válido.",
		"One place that receives values.":                      "Um lugar que recebe valores.",
		"Credentials and sinks made from the rows of a table.": "Credenciais e destinos feitos a partir das linhas de uma tabela.",
		identity: "Mudar uma chave listada em \"Identidade no servidor\" cria outra credencial: um novo valor é obtido, e o antigo fica guardado por sete dias, de modo que desfazer a mudança não custa nenhuma chamada. " +
			"Em `http`, `exec` e em um login de `oauth2`, o nome da credencial também conta.",
		"Fields for sinks":                  "Campos para os destinos",
		"Identity at the backend":           "Identidade no servidor",
		"those that `fields` names":         "os que `fields` nomeia",
		"; or ":                             "; ou ",
		"type":                              "tipo",
		"provider type":                     "tipo do provedor",
		"key":                               "chave",
		"form":                              "formato",
		"default":                           "padrão",
		"meaning":                           "significado",
		"required":                          "obrigatória",
		"text":                              "texto",
		"true or false":                     "true ou false",
		"integer":                           "inteiro",
		"duration":                          "duração",
		"choice":                            "opção",
		"mode":                              "modo",
		"array of text":                     "lista de textos",
		"table of text":                     "tabela de textos",
		"table of text, numbers or secrets": "tabela de textos, números ou segredos",
		"table of JSON values or secrets":   "tabela de valores JSON ou segredos",
		"array of tables":                   "lista de tabelas",
		"text or array of text":             "texto ou lista de textos",
		"table":                             "tabela",
		"path":                              "caminho",
		"secret":                            "segredo",
		"array of secrets":                  "lista de segredos",
		"text or secret":                    "texto ou segredo",
	}},
}
