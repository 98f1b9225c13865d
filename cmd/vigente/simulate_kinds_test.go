package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	integracontador "github.com/vigented/vigente/providers/integracontador/emulator"
)

// rehearsedKind is what two days of one credential come to.
type rehearsedKind struct {
	kind, name      string
	provider, keys  string
	args            string
	least, most     int     // renewals in two days
	lapsed, atLeast float64 // hours, at most and at least
}

// TestSimulateUsesWhatIsConfigured rehearses every kind of the catalogue by the
// keys that say how long its tokens live.
func TestSimulateUsesWhatIsConfigured(t *testing.T) {
	const (
		tss    = `url = "http://tss.invalid/rest/RestNewToken"`
		store  = "cnpj = \"11222333000181\"\nie = \"1\"\nuf = \"SP\"\n"
		vault  = "url = \"https://vault.invalid\"\nclient_id = \"id\"\nclient_secret = { file = \"secret\" }"
		oauth1 = "auth = \"oauth1\"\nurl = \"https://vault.invalid\"\nconsumer_key = \"a\"\nconsumer_secret = { file = \"secret\" }\ntoken_key = \"b\"\ntoken_secret = { file = \"secret\" }"
		ged    = "username = \"u\"\npassword = { file = \"secret\" }"
		serpro = "auth_url = \"https://a.invalid/authenticate\"\napi_url = \"https://b.invalid/v1\"\nconsumer_key = \"k\"\nconsumer_secret = { file = \"secret\" }\ncertificate = { file = \"a1.pem\" }\ncontratante = { numero = \"12345678000195\", nome = \"X\" }"
		client = "token_url = \"https://a.invalid/token\"\nclient_id = \"id\"\nclient_secret = { file = \"secret\" }"
		portal = `url = "https://a.invalid"`
		login  = `fields = { token = "json:/token" }`
	)
	kinds := []rehearsedKind{
		{kind: "tss", name: "max_age", provider: tss, keys: store + `max_age = "6h"`, least: 8, most: 10},
		{kind: "tss", name: "the default", provider: tss, keys: store, least: 2, most: 3},
		{kind: "senhasegura", name: "the documented life", provider: vault, least: 60, most: 70},
		{kind: "senhasegura", name: "a life of its own", provider: vault, args: "--life p=10m", least: 370, most: 410},
		{kind: "senhasegura", name: "signed on demand", provider: oauth1, keys: `max_age = "1h"`, least: 48, most: 52},
		{kind: "arqged", name: "token_minutes", provider: ged, keys: `token_minutes = 60`, least: 60, most: 70},
		{kind: "arqged", name: "the default", provider: ged, least: 1, most: 1},
		{kind: "integra-contador", name: "session", provider: serpro, least: 60, most: 70},
		{kind: "oauth2", name: "without a preset", provider: client, least: 60, most: 70},
		{kind: "oauth2", name: "the preset's life", provider: "preset = \"itau\"\nclient_id = \"id\"\nclient_secret = { file = \"secret\" }\ntls = { certificate = { file = \"a1.pem\" } }", least: 740, most: 820},
		{kind: "oauth2", name: "a refresh token that outlives an outage", provider: client + "\nrefresh_lifetime = \"1d\"\nauthorize_url = \"https://a.invalid/authorize\"", keys: `grant = "refresh_token"`, args: "--outage p=4h+20h", least: 25, most: 50, atLeast: 19, lapsed: 20},
		{kind: "oauth2", name: "a refresh token that ends in an outage", provider: client + "\nrefresh_lifetime = \"12h\"\nauthorize_url = \"https://a.invalid/authorize\"", keys: `grant = "refresh_token"`, args: "--outage p=4h+13h", least: 5, most: 8, atLeast: 40, lapsed: 44},
		{kind: "http", name: "max_age", provider: portal, keys: login + "\nmax_age = \"30m\"", least: 96, most: 105},
		{kind: "http", name: "an end in the answer", provider: portal, keys: login + "\nexpires = \"json:/expires_in\"", least: 60, most: 70},
		{kind: "exec", name: "a form without an end", keys: "command = [\"/bin/echo\"]\noutput = \"text\"\nmax_age = \"2h\"", least: 24, most: 27},
		{kind: "exec", name: "a form with an end", keys: "command = [\"/bin/echo\"]\noutput = \"azure\"\nmax_age = \"2h\"", least: 60, most: 70},
	}
	for _, k := range providerKinds() {
		if !slices.ContainsFunc(kinds, func(r rehearsedKind) bool { return r.kind == k.Name }) {
			t.Errorf("the kind %s is not rehearsed", k.Name)
		}
	}
	for _, k := range kinds {
		t.Run(k.kind+", "+k.name, func(t *testing.T) { k.rehearse(t) })
	}
}

func (k rehearsedKind) rehearse(t *testing.T) {
	w := newWorld(t)
	w.write(t, "[providers.p]\ntype = \""+k.kind+"\"\n"+k.provider+"\n[credentials.c]\nprovider = \"p\"\n"+k.keys+"\n")
	authority, err := integracontador.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	id, err := authority.Issue(integracontador.Issue{Name: "X", Number: "12345678000195"})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := id.PEM()
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"secret": []byte("s3cret"), "a1.pem": cert} {
		if err := os.WriteFile(filepath.Join(w.dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got := w.do(t.Context(), append([]string{"simulate", "--from", "2026-03-02T10:00:00Z", "--for", "2d", "--json"}, strings.Fields(k.args)...)...)
	var r rehearsalReport
	if err := json.Unmarshal([]byte(got.out), &r); err != nil || got.code != 0 || len(r.Credentials) != 1 {
		t.Fatalf("%v\n%+v", err, got)
	}
	c, lapsed := r.Credentials[0], 0.0
	for _, l := range c.Lapses {
		lapsed += l.Seconds / 3600
	}
	if c.Renewals < k.least || c.Renewals > k.most {
		t.Errorf("%d renewals in two days, want %d to %d", c.Renewals, k.least, k.most)
	}
	if lapsed > k.lapsed || lapsed < k.atLeast {
		t.Errorf("lapsed for %.1f hours, want %.0f to %.0f", lapsed, k.atLeast, k.lapsed)
	}
}
