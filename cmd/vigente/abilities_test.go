package main

import (
	"slices"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/cluster"
	"github.com/vigented/vigente/daemon/membership"
)

// able is a configured credential, what it holds, and what its next renewal may do.
type able struct {
	kind, provider, keys string
	seed                 map[string]credential.Secret
	want                 cluster.Ability
	grace                time.Duration
}

// TestWhatARenewalMayDestroy: every kind of the catalogue says what its next renewal
// revokes or spends, by which machines of a cluster decide who may repeat a call.
func TestWhatARenewalMayDestroy(t *testing.T) {
	const (
		client = "token_url = \"https://a.invalid/token\"\nclient_id = \"id\"\nclient_secret = { file = \"s\" }\nauthorize_url = \"https://a.invalid/authorize\"\n"
		serpro = "auth_url = \"https://a.invalid/authenticate\"\napi_url = \"https://b.invalid/v1\"\nconsumer_key = \"k\"\nconsumer_secret = { file = \"s\" }\ncertificate = { file = \"a1.pem\" }\ncontratante = { numero = \"12345678000195\", nome = \"X\" }\n"
		portal = "url = \"https://a.invalid\"\n"
		login  = "fields = { token = \"json:/token\" }\n"
		person = "grant = \"refresh_token\"\n"
		pass   = "grant = \"password\"\nusername = \"u\"\npassword = { file = \"s\" }\n"
	)
	seed := map[string]credential.Secret{"refresh_token": credential.NewSecret("r"), "user_id": credential.NewSecret("u")}
	cases := []able{
		{"senhasegura", "url = \"https://vault.invalid\"\nclient_id = \"id\"\nclient_secret = { file = \"s\" }\n", "", nil, cluster.Plain, 0},
		{"integra-contador", serpro, "", nil, cluster.Plain, 0},
		{"exec", "", "command = [\"/bin/echo\"]\n", nil, cluster.Plain, 0},
		{"http", portal, login, nil, cluster.Plain, 0},
		{"http", portal, login + "revokes = true\n", nil, cluster.Revokes, 0},
		{"http", portal, login + "spends = true\n", nil, cluster.Spends, 0},
		{"tss", "url = \"http://tss.invalid/rest/RestNewToken\"\n", "cnpj = \"11222333000181\"\nie = \"1\"\nuf = \"SP\"\n", nil, cluster.Revokes, 0},
		{"arqged", "username = \"u\"\npassword = { file = \"s\" }\n", "", nil, cluster.Plain, 0},
		{"arqged", "username = \"u\"\npassword = { file = \"s\" }\n", "", seed, cluster.SpendsElse, 0},
		{"oauth2", client, "", nil, cluster.Plain, 0},
		{"oauth2", client + "revokes = true\n", "", nil, cluster.Revokes, 0},
		{"oauth2", client, pass, nil, cluster.Plain, 0},
		{"oauth2", client, pass, seed, cluster.SpendsElse, 0},
		{"oauth2", client, person, seed, cluster.Spends, 0},
		{"oauth2", client + "rotation = \"none\"\n", person, seed, cluster.Plain, 0},
		{"oauth2", client + "rotation = \"grace\"\ngrace = \"3m\"\n", person, seed, cluster.Spends, 3 * time.Minute},
	}
	for _, k := range providerKinds() {
		if !slices.ContainsFunc(cases, func(c able) bool { return c.kind == k.Name }) {
			t.Errorf("the kind %s is not here", k.Name)
		}
	}
	for _, c := range cases {
		_, specs, faults := openExample(t, "[providers.p]\ntype = \""+c.kind+"\"\n"+c.provider+"[credentials.c]\nprovider = \"p\"\n"+c.keys)
		if len(faults) > 0 {
			t.Errorf("%s %s: %v", c.kind, c.keys, faults)
			continue
		}
		source := specs.Credentials[0].Source
		if got := membership.AbilityOf(source, credential.Credential{Seed: c.seed}); got != c.want {
			t.Errorf("%s %s%s: got ability %d, want %d", c.kind, c.provider, c.keys, got, c.want)
		}
		var grace time.Duration
		if o, ok := source.(credential.OneWayer); ok {
			_, grace = o.OneWay()
		}
		if grace != c.grace {
			t.Errorf("%s %s: got a grace of %s, want %s", c.kind, c.keys, grace, c.grace)
		}
	}
}
