package oauth2

import (
	"slices"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers/oauth2/emulator"
)

// TestAColumnIsNoReference requests a token with the row of a fleet whose columns
// look like references, in every key that accepts a text.
func TestAColumnIsNoReference(t *testing.T) {
	const odd = "a${x.y}"
	t.Setenv("FLEET_PASSWORD", testPassword)
	s := serve(t, emulator.Settings{
		Clients: []emulator.Client{{ID: testID, Secret: testSecret}}, Users: []emulator.User{{Name: odd, Password: testPassword}},
		Headers: map[string]string{"X-C": odd},
	})
	root := s.parse(t, "fleets.f", `[credential]
		grant = "password"
		username = "{c}"
		password = { env = "FLEET_PASSWORD" }
		scope = "{c}"
		audience = "{c}"
		resource = ["{c}"]
		params = { extra = "{c}", both = "{c} ${one.token}" }
		headers = { X-C = "{c}" }
	`)
	row := root.Template("credential").Fill([]string{"credentials", "f/r"}, section.Row{
		File: "f.csv", Line: 2, Name: "f/r", Column: func(string) string { return odd },
	})
	p := s.parse(t, "providers.p", withSecret+"tls.ca_file = \"{dir}/ca.pem\"\n")
	b := open(p, liveEnv(t)).Bind(row)
	for _, f := range append(p.Finish(), row.Finish()...) {
		t.Fatal(f)
	}
	if !slices.Equal(b.Needs, []string{"one"}) {
		t.Errorf("needs %q, want one only", b.Needs)
	}
	inputs := map[string]credential.Credential{"one": {Values: map[string]credential.Secret{"token": credential.NewSecret("T")}}}
	if got := obtain(t, b, credential.Request{Inputs: inputs}).Values["scope"].Reveal(); got != odd {
		t.Errorf("the scope is %q, want %q", got, odd)
	}
}
