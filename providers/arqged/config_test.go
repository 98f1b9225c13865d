package arqged

import (
	"net/http"
	"strings"
	"testing"

	"github.com/vigented/vigente/providers"
)

func TestConfiguration(t *testing.T) {
	const user, password = "username = \"u\"\n", "password = { file = \"{dir}/password\" }\n"
	const url = "url = \"https://arqged.example\"\n"
	for _, c := range []struct {
		what, provider, cred string
		want                 []string // beginnings of the faults, in order
	}{
		{"the least", url + user + password, "", nil},
		{"the default host", user + password, "", nil},
		{"a prefix", `url = "https://arqged.example/v1/"` + "\n" + user + password, "", nil},
		{"loopback in clear", `url = "http://127.0.0.1:8080"` + "\n" + user + password, "", nil},
		{"a user by reference", url + "username = { file = \"{dir}/user\" }\n" + password, "", nil},
		{"every key", url + user + password + `subscription_keys = [{ file = "{dir}/key1" }, { file = "{dir}/key2" }]` + "\naplicacao = \"ERP\"\ntls = { server_name = \"x\" }\n", "token_minutes = 1\nsingle_use = false\nsingle_use_as = \"string\"", nil},
		{"no keys at all", url + user + password + "subscription_keys = []\n", "", nil},
		{"in clear", `url = "http://arqged.example"` + "\n" + user + password, "", []string{"url: is not encrypted"}},
		{"an empty url", "url = \"\"\n" + user + password, "", []string{"url: is empty"}},
		{"the path of a call", `url = "https://arqged.example/api/Autenticacao/Login"` + "\n" + user + password, "", []string{"url: holds the path"}},
		{"a part of it", `url = "https://arqged.example/v1/API/"` + "\n" + user + password, "", []string{"url: holds the path"}},
		{"no user", url + password, "", []string{"username: is missing"}},
		{"a blank user", url + "username = \" \"\n" + password, "", []string{"username: is missing"}},
		{"no password", url + user, "", []string{"password: is missing"}},
		{"a plain password", url + user + "password = \"x\"\n", "", []string{"password: "}},
		{"a password of two lines", url + user + `password = { file = "{dir}/two-lines" }`, "", []string{"password: contains a line break"}},
		{"a key with a blank", url + user + password + `subscription_keys = [{ file = "{dir}/blank" }]`, "", []string{"subscription_keys: holds a blank"}},
		{"three keys", url + user + password + `subscription_keys = [{ file = "{dir}/key1" }, { file = "{dir}/key2" }, { file = "{dir}/user" }]`, "", []string{"subscription_keys: holds 3 keys"}},
		{"a plain key", url + user + password + `subscription_keys = ["x"]`, "", []string{"subscription_keys: "}},
		{"an aplicacao of two lines", url + user + password + `aplicacao = "a\nb"`, "", []string{"aplicacao: contains a control"}},
		{"an unknown key", url + user + password + "user = \"x\"\n", "", []string{"user: "}},
		{"no minutes", url + user + password, "token_minutes = 0", []string{"token_minutes: 0 is out of range"}},
		{"too many", url + user + password, "token_minutes = 5256001", []string{"token_minutes: 5256001 is out of range"}},
		{"ten years", url + user + password, "token_minutes = 5256000", nil},
		{"single use as a number", url + user + password, "single_use_as = \"number\"", []string{"single_use_as: "}},
		{"single use in quotes", url + user + password, "single_use = \"false\"", []string{"single_use: "}},
	} {
		o := openAll(t, good(), c.provider, c.cred)
		same := len(o.faults) == len(c.want)
		for i := range o.faults {
			_, text, _ := strings.Cut(o.faults[i], ".ged.")
			same = same && strings.HasPrefix(text, c.want[i])
		}
		if !same {
			t.Errorf("%s: faults %q, want %q", c.what, o.faults, c.want)
		}
		if len(c.want) == 0 && o.source == nil {
			t.Errorf("%s: opened is %v", c.what, o.source != nil)
		}
	}
}

func TestTheDefaultHost(t *testing.T) {
	o := sound(t, good(), "username = \"u\"\npassword = { file = \"{dir}/password\" }", "")
	if got := o.source.base.String(); got != "https://api-rest.arquivar.com" {
		t.Errorf("default URL: got %s, want %s", got, "https://api-rest.arquivar.com")
	}
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct{ provider, cred, want string }{
		{leastProvider, "", ""},
		{leastProvider, "single_use = true", "single_use is on"},
		{strings.Replace(leastProvider, "arqged.example", "integracao.arquivar.com", 1), "", "announced to end"},
		{leastProvider + `subscription_keys = [{ file = "{dir}/key1" }, { file = "{dir}/key1" }]`, "", "the same key twice"},
	} {
		o := sound(t, good(), c.provider, c.cred)
		switch {
		case c.want == "" && len(o.warnings) > 0:
			t.Errorf("warned: %q", o.warnings)
		case c.want != "" && (len(o.warnings) != 1 || !strings.Contains(o.warnings[0], c.want)):
			t.Errorf("warnings %q, want %q", o.warnings, c.want)
		}
	}
	o := sound(t, good(), leastProvider+`subscription_keys = [{ file = "{dir}/key1" }, { file = "{dir}/key1" }]`, "")
	if len(o.source.keys.keys) != 1 {
		t.Error("the same key twice counts as two")
	}
}

func TestIdentity(t *testing.T) {
	of := func(url, user string) string {
		return sound(t, good(), "url = \""+url+"\"\nusername = \""+user+"\"\npassword = { file = \"{dir}/password\" }", "").binding.Identity
	}
	first := of("https://arqged.example", "user")
	if first != of("https://ARQGED.example:443/", "User") {
		t.Error("two spellings are two users")
	}
	if first == of("https://arqged.example/v1", "user") || first == of("https://arqged.example", "user2") || strings.Contains(first, "user") {
		t.Errorf("identity %s", first)
	}
}

func TestCallsAreNeverSentTwice(t *testing.T) {
	var asked []providers.TransportOptions
	e := env(good(), nil)
	lend := e.Transport
	e.Transport = func(opt providers.TransportOptions) http.RoundTripper {
		asked = append(asked, opt)
		return lend(opt)
	}
	s := suite()
	s.Provider = strings.ReplaceAll(s.Provider, "{dir}", files(t))
	s.Open(t, e)
	if len(asked) != 1 || !asked[0].OneShot {
		t.Errorf("transports %+v", asked)
	}
	if k := Kind(); k.Rate != "4/s, 240/min, 2400/h" || k.Name != "arqged" {
		t.Errorf("kind %+v", k)
	}
}

// What a sink shows of a credential with faults is checked in the same run.
func TestFieldsAreToldInSpiteOfFaults(t *testing.T) {
	o := openAll(t, nil, leastProvider, "token_minutes = 0")
	if len(o.faults) == 0 || len(o.binding.Fields) != 4 || o.binding.Source != nil {
		t.Errorf("%v %+v", o.faults, o.binding)
	}
}
