package oauth2

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers/oauth2/emulator"
	"github.com/vigented/vigente/providers/providertest"
)

// TestEveryPresetIsWhole requires of each preset what users must know, and the
// fourteen presets that are promised.
func TestEveryPresetIsWhole(t *testing.T) {
	list, err := Presets()
	if err != nil {
		t.Fatal(err)
	}
	promised := []string{
		"mercado-livre", "bling", "conta-azul", "tiny", "ifood", "banco-do-brasil", "sicoob", "itau", "bradesco", "inter", "sicredi",
		"serpro", "sankhya", "protheus",
	}
	for _, p := range list {
		promised = slices.DeleteFunc(promised, func(name string) bool { return name == p.Name })
		if _, err := time.Parse(time.DateOnly, p.Date); err != nil || !strings.HasPrefix(p.Source, "https://") || p.Title == "" || p.Notes[0] == "" || p.Notes[1] == "" || len(p.Needs) == 0 {
			t.Errorf("%s lacks something: %+v", p.Name, p)
		}
		for _, f := range p.file.Finish() {
			if !strings.HasPrefix(f.Key, "provider") && !strings.HasPrefix(f.Key, "credential") {
				t.Error(f)
			}
		}
	}
	if len(promised) > 0 {
		t.Errorf("there is no preset %q", promised)
	}
}

// TestEveryPresetAgainstItsService runs each preset against the emulated service
// of its name: the test sets what the preset leaves open, and the emulator's
// address.
func TestEveryPresetAgainstItsService(t *testing.T) {
	list, err := Presets()
	if err != nil {
		t.Fatal(err)
	}
	_, _, certificate := pair(t, "rsa")
	for _, p := range list {
		t.Run(p.Name, func(t *testing.T) {
			settings, known := emulator.Preset(p.Name)
			if !known {
				t.Fatal("there is no emulator of it")
			}
			s := serve(t, settings)
			s.write(t, "cert.pem", certificate)
			s.write(t, "secret", []byte(emulator.PresetSecret))
			s.write(t, "header", []byte(emulator.PresetHeader))
			b := s.open(t, presetProvider(p), presetCredential(p))
			req := credential.Request{}
			if p.Login {
				seed := s.Seed(emulator.PresetClient, "openid")
				req.Previous = credential.Credential{Seed: map[string]credential.Secret{seedToken: credential.NewSecret(seed)}}
			}
			first := obtain(t, b, req)
			if life := first.ExpiresAt.Sub(first.IssuedAt); life != settings.Lifetime {
				t.Errorf("the life is %s, want %s", life, settings.Lifetime)
			}
			second := obtain(t, b, credential.Request{Previous: first})
			if first.SameValues(second) {
				t.Error("the renewal brought nothing new")
			}
			if n := s.Counts(); n.Reused+n.WrongClients+n.BothWays+n.SecretsInURI > 0 {
				t.Errorf("the server saw %+v", n)
			}
		})
	}
}

// presetProvider sets what the preset leaves open, at the emulator's address.
func presetProvider(p Preset) string {
	path := "/rest/api/oauth2/v1/token?grant_type=password"
	if own := p.table("provider").Text("token_url", ""); own != "" {
		_, rest, _ := strings.Cut(own, "://")
		path = rest[strings.Index(rest, "/"):]
	}
	text := "preset = \"" + p.Name + "\"\ntoken_url = \"{url}" + path + "\"\n"
	for _, need := range p.Needs {
		switch {
		case need == "client_id":
			text += "client_id = \"" + emulator.PresetClient + "\"\n"
		case need == "client_secret":
			text += "client_secret = { file = \"{dir}/secret\" }\n"
		case need == "refresh_url":
			text += "refresh_url = \"{url}" + strings.Replace(path, "password", "refresh_token", 1) + "\"\n"
		case need == "tls.certificate":
			text += "tls.certificate = { file = \"{dir}/cert.pem\" }\n"
		case strings.HasPrefix(need, "headers."):
			text += "headers = { \"" + strings.TrimPrefix(need, "headers.") + "\" = { file = \"{dir}/header\" } }\n"
		}
	}
	return text
}

func presetCredential(p Preset) string {
	text := ""
	for _, need := range p.Needs {
		switch need {
		case "username":
			text += "username = \"" + emulator.PresetUser + "\"\n"
		case "password":
			text += "password = { file = \"{dir}/secret\" }\n"
		case "scope":
			text += "scope = \"cob.read\"\n"
		}
	}
	return text
}

func TestUnknownPresetListsAll(t *testing.T) {
	s, err := section.Parse("providers.p", `preset = "mercado"`)
	if err != nil {
		t.Fatal(err)
	}
	open(s, liveEnv(t))
	faults := s.Finish()
	if len(faults) != 1 || faults[0].Key != "providers.p.preset" {
		t.Fatalf("faults %v", faults)
	}
	for _, name := range presetNames() {
		if !strings.Contains(faults[0].Message, name) {
			t.Errorf("the message does not name %s: %s", name, faults[0].Message)
		}
	}
}

// TestPresetsAddressesGoWithItsHost drops the login pages of a preset if token_url
// is set to another host, and keeps them for the same host.
func TestPresetsAddressesGoWithItsHost(t *testing.T) {
	for text, kept := range map[string]bool{
		"": true, `token_url = "https://api.mercadolibre.com/oauth/v2/token"`: true, `token_url = "https://test.example/oauth/token"`: false,
	} {
		s, err := section.Parse("providers.p", "preset = \"mercado-livre\"\nclient_id = \"a\"\nclient_secret = { env = \"PRESET_SECRET\" }\n"+text)
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("PRESET_SECRET", "x")
		b := open(s, liveEnv(t)).(*provider)
		for _, f := range s.Finish() {
			t.Error(f)
		}
		if got := b.way.authorize != nil; got != kept {
			t.Errorf("%q: the page is kept: %v, want %v", text, got, kept)
		}
	}
}

// TestEveryPresetReadsItsRecordedAnswers reads answers in the form of each service:
// NAME--LIFE.http is a success, NAME--REASON-what.http is not.
func TestEveryPresetReadsItsRecordedAnswers(t *testing.T) {
	list, err := Presets()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range list {
		files, err := filepath.Glob("testdata/presets/" + p.Name + "--*.http")
		if err != nil || len(files) == 0 {
			t.Errorf("there is no recorded answer of %s", p.Name)
		}
		for _, file := range files {
			recorded := providertest.Recorded(t, file, time.Time{})
			_, what, _ := strings.Cut(strings.TrimSuffix(filepath.Base(file), ".http"), "--")
			answer := func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", recorded.Header.Get("Content-Type"))
				w.WriteHeader(recorded.Status)
				_, _ = w.Write(recorded.Body)
			}
			s := &stage{dir: t.TempDir()}
			server := httptest.NewServer(http.HandlerFunc(answer))
			t.Cleanup(server.Close)
			s.url = server.URL
			_, _, certificate := pair(t, "ec")
			for _, name := range []string{"secret", "header"} {
				s.write(t, name, []byte("x"))
			}
			s.write(t, "cert.pem", certificate)
			s.write(t, "ca.pem", certificate)
			b := s.open(t, presetProvider(p), presetCredential(p))
			c, err := attempt(t, b, credential.Request{Previous: seeded("seed")})
			life, isLife := time.ParseDuration(what)
			switch {
			case isLife == nil && err != nil:
				t.Errorf("%s: %v", file, err)
			case isLife == nil && (c.ExpiresAt.Sub(c.IssuedAt) > life || c.ExpiresAt.Sub(c.IssuedAt) < life-life/10):
				t.Errorf("%s: the life is %s", file, c.ExpiresAt.Sub(c.IssuedAt))
			case isLife != nil && (err == nil || !strings.HasPrefix(what, string(credential.AsFault(err).Reason)) || strings.Contains(err.Error(), "CANARY")):
				t.Errorf("%s: got %v", file, err)
			}
		}
	}
}
