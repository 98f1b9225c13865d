package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/vigented/vigente/providers/oauth2"
)

// TestPresetPages compares the pages of the presets in both languages with the
// data; with -update they are written.
func TestPresetPages(t *testing.T) {
	list, err := oauth2.Presets()
	if err != nil {
		t.Fatal(err)
	}
	for i, file := range []string{"presets.md", "presets.pt-BR.md"} {
		text := presetPage(list, i)
		if *update {
			if err := os.WriteFile("../../docs/"+file, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		have, err := os.ReadFile("../../docs/" + file)
		if err != nil {
			t.Fatal(err)
		}
		if string(have) != text {
			t.Errorf("docs/%s is not what the presets say: run make reference", file)
		}
	}
}

func presetPage(list []oauth2.Preset, tongue int) string {
	say := func(en, pt string) string { return []string{en, pt}[tongue] }
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("<!-- Made by: make reference. Change providers/oauth2/presets instead. -->")
	line("# %s\n", say("Services with a preset", "Serviços com preset"))
	line("%s\n", say(
		"Sets of keys for the provider kind `oauth2`, each with the page of the service and the date it was read. If that page could not be read, the entry says so: compare such keys with it before you rely on them. Set `preset = \"NAME\"` to use one; you can override any key. `vigente presets` prints the same list.",
		"Conjuntos de chaves para o tipo de provedor `oauth2`, cada um com a página do serviço e a data da leitura. Se a página não pôde ser lida, o item informa: compare essas chaves com ela antes de confiar nelas. Defina `preset = \"NOME\"` para usar um; qualquer chave pode ser redefinida. `vigente presets` mostra a mesma lista."))
	for _, p := range list {
		line("## %s: `%s`\n", p.Title, p.Name)
		line("%s\n", p.Notes[tongue])
		line("- %s: `%s`", say("to be set", "a definir"), strings.Join(p.Needs, "`, `"))
		if p.Login {
			line("- %s: `vigente login %s`", say("a person logs in once", "uma pessoa faz login uma vez"), say("NAME", "NOME"))
		}
		line("- %s: <%s>, %s%s\n", say("source", "fonte"), p.Source, p.Date, unread(p, say))
		line("```text\n[providers.NAME]\n%s\n", strings.Join(p.Keys("provider"), "\n"))
		line("[credentials.NAME]\n%s\n```\n", strings.Join(p.Keys("credential"), "\n"))
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// unread says where the keys come from when not from the source.
func unread(p oauth2.Preset, say func(en, pt string) string) string {
	if p.SourceRead {
		return ""
	}
	return say("; not read; the keys are those of public integrations, unverified", "; não lida; as chaves são as de integrações públicas, sem confirmação")
}

// TestInitOffersEveryPreset opens what vigente init writes for each service.
func TestInitOffersEveryPreset(t *testing.T) {
	systems := initSystems()
	if len(systems) < 14+5 {
		t.Fatalf("%d services are offered", len(systems))
	}
	for _, s := range systems {
		known := answers{system: s, name: s.Credential, sink: noSink, secrets: "/etc/vigente/secrets", given: map[string]string{}}
		if _, _, faults := openExample(t, known.text()); len(faults) > 0 {
			t.Errorf("%s: %v\n%s", s.Name, faults, known.text())
		}
	}
}

func TestEveryPresetIsPlayed(t *testing.T) {
	list, err := oauth2.Presets()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		emulators, err := setUp([]string{"oauth2"}, emulateOptions{listen: "127.0.0.1:0", preset: p.Name})
		if err != nil {
			t.Errorf("%s: %v", p.Name, err)
		}
		for _, s := range emulators {
			_ = s.listener.Close()
		}
	}
	for _, bad := range [][2]string{{"oauth2", "nothing"}, {"tss", "bling"}} {
		if _, err := setUp([]string{bad[0]}, emulateOptions{listen: "127.0.0.1:0", preset: bad[1]}); err == nil {
			t.Errorf("%s emulates %s", bad[0], bad[1])
		}
	}
}
