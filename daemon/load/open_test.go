package load

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/config"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/store"
	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/realpath"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
	"github.com/vigented/vigente/sinks"
)

// fakeProvider is a kind with a key of every relevant type. Its key misbehave makes it break
// its contract.
func fakeProvider() providers.Kind {
	return providers.Kind{Name: "fake", Open: func(s *section.Section, env providers.Env) providers.Backend {
		b := &fakeBackend{url: s.Required("url"), zone: env.Location}
		s.Secret("password")
		if tls := s.Table("tls"); tls != nil {
			tls.File("ca_file")
		}
		switch s.Text("misbehave", "") {
		case "panic":
			panic("a value that nobody may see")
		case "nil":
			return nil
		case "bind":
			b.url = ""
		}
		if s.Failed() && !s.Has("half") {
			return nil
		}
		s.Bool("half", false)
		return b
	}}
}

type fakeBackend struct {
	url  string
	zone *time.Location
}

func (b *fakeBackend) Bind(s *section.Section) providers.Binding {
	id, needs := s.Text("id", ""), []string{}
	s.Int("number", 0)
	if need := s.Text("session", ""); need != "" {
		needs = append(needs, need)
	}
	needs = append(needs, s.Texts("needs")...)
	var refs []credential.RefAt
	if s.Has("body") {
		text, _ := credential.ParseTemplate(s.References("body", s.Text("body", "")))
		for _, ref := range text.Refs() {
			needs, refs = append(needs, ref.Credential), append(refs, credential.RefAt{Ref: ref, Key: "body"})
		}
	}
	switch s.Text("misbehave", "") {
	case "panic":
		_ = []string{}[len(id)]
	case "nil":
		return providers.Binding{}
	}
	if id != "" {
		id = b.url[:1] + " " + id // trips over a backend that is half made
	}
	return providers.Binding{Source: fakeSource{b}, Identity: id, Fields: []string{"token", "extra"}, Needs: needs, Refs: refs, NeedsFields: s.Texts("needs_fields")}
}

type fakeSource struct{ *fakeBackend }

func (fakeSource) Refresh(context.Context, credential.Request) (credential.Credential, error) {
	return credential.Credential{}, errors.New("not called here")
}

// fakeSink is a kind that manages a whole file (content), or parts of it (values, folded to
// lower case).
func fakeSink() sinks.Kind {
	return sinks.Kind{Name: "text", Open: func(s *section.Section, _ sinks.Env) sinks.Binding {
		var b sinks.Binding
		s.Required("path")
		b.File = s.FilePath("path")
		b.Target = b.File
		read := func(key, text string) {
			tmpl, faults := credential.ParseTemplate(s.References(key, text))
			for _, err := range faults {
				s.Faultf(key, "%v", err)
			}
			for _, ref := range tmpl.Refs() {
				b.Refs = append(b.Refs, credential.RefAt{Ref: ref, Key: key})
			}
		}
		if content := s.Text("content", ""); content != "" {
			read("content", content)
		}
		for _, e := range s.TextMap("values") {
			read("values."+e.Key, e.Text)
			b.Claims = append(b.Claims, sinks.Claim{Part: strings.ToLower(e.Key), Key: "values." + e.Key})
		}
		switch s.Text("misbehave", "") {
		case "panic":
			panic("a value that nobody may see")
		case "nil":
			return sinks.Binding{}
		}
		b.Sink = fakeTarget{}
		if s.Bool("hook", false) {
			b.Hook = fakeHook{}
		}
		return b
	}}
}

type fakeTarget struct{}

func (fakeTarget) Deliver(context.Context, credential.Set) (bool, error) { return false, nil }

type fakeHook struct{}

func (fakeHook) Run(context.Context, []string) error { return nil }

func fakeOptions() Options {
	return Options{
		Path: "config.toml", Config: config.Options{Getenv: testEnv, UID: 1000}, Devices: devices.New(),
		Providers: []providers.Kind{fakeProvider(), {Name: "other", Open: fakeProvider().Open}},
		Sinks:     []sinks.Kind{fakeSink(), {Name: "lines", Open: fakeSink().Open}},
		Lend: func(_ string, location *time.Location) (providers.Env, func()) {
			return providers.Env{Location: location}, func() {}
		},
	}
}

// testEnv is the environment of all cases.
func testEnv(name string) string {
	return map[string]string{"HOME": "/home/u", "PASSWORD": "hunter2-canary"}[name]
}

// assembled loads a case, which must be good.
func assembled(t testing.TB, text string) (*config.Config, *plan.Plan) {
	t.Helper()
	enter(t, text)
	cfg, faults := config.Load("config.toml", config.Options{Getenv: testEnv, UID: 1000})
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	l := New(fakeOptions())
	loaded := l.Open(cfg)
	if faults := loaded.All(); len(faults) > 0 {
		t.Fatal(faults)
	}
	_ = l.Change(loaded, []byte("key"))
	return cfg, loaded.Plan()
}

const planText = `
[renewal]
timezone = "UTC"
max_age  = "2h"
[providers.b]
type = "fake"
url = "u"
rate = "4/s, 240/min"
concurrency = 3
renew_before = "10m"
[providers.a]
type = "other"
url = "u"
password = { env = "PASSWORD" }
timezone = "America/Manaus"
[credentials.z]
provider = "a"
id = "2"
session = "y"
min_interval = "1m"
[credentials.y]
provider = "b"
id = "1"
[sinks.s]
type = "text"
path = "out"
content = "${z.token} ${y.expires_at} ${z.extra} $${no.ref}"
hook = true
[sinks.r]
type = "lines"
path = "/abs"
values = { A = "${y.token}" }
`

func TestPlanHoldsEverythingInFileOrder(t *testing.T) {
	cfg, specs := assembled(t, planText)
	if got := specs.Providers; len(got) != 2 || got[0].Name != "b" || got[0].Type != "fake" || got[0].Concurrency != 3 ||
		!slices.Equal(got[0].Rates, []schedule.Rate{{Calls: 4, Per: time.Second}, {Calls: 240, Per: time.Minute}}) || got[1].Name != "a" || got[1].Concurrency != 8 {
		t.Errorf("providers %+v", got)
	}
	z, y := specs.Credentials[0], specs.Credentials[1]
	if z.Name != "z" || z.Provider != "a" || z.Type != "other" || z.Identity != "other u 2" || !slices.Equal(z.Needs, []string{"y"}) ||
		!slices.Equal(z.Fields, []string{"token", "extra"}) || z.Policy.MinInterval != time.Minute || z.Policy.MaxAge != 2*time.Hour || z.Policy.OwnRenewBefore {
		t.Errorf("z is %+v", z)
	}
	if zone := z.Source.(fakeSource).zone; zone.String() != "America/Manaus" {
		t.Errorf("dates without a zone are read in %v", zone)
	}
	if y.Identity != "fake u 1" || y.Policy.RenewBefore.Fixed != 10*time.Minute || !y.Policy.OwnRenewBefore || y.Source.(fakeSource).zone.String() != "UTC" {
		t.Errorf("y is %+v", y)
	}
	s, r := specs.Sinks[0], specs.Sinks[1]
	if s.Name != "s" || s.Type != "text" || !strings.HasSuffix(s.Path, "/out") || !slices.Equal(s.Needs, []string{"y", "z"}) || s.Hook == nil || s.Sink == nil {
		t.Errorf("s is %+v", s)
	}
	if r.Name != "r" || r.Path != "/abs" || !slices.Equal(r.Needs, []string{"y"}) || r.Hook != nil {
		t.Errorf("r is %+v", r)
	}
	if len(cfg.Files()) != 1 {
		t.Errorf("watched: %v", cfg.Files())
	}
}

// TestDigestsFollowTheirTables: a change must cause exactly the attempts and deliveries that
// depend on it.
func TestDigestsFollowTheirTables(t *testing.T) {
	_, before := assembled(t, planText)
	for _, c := range []struct {
		old, text string
		changed   string
	}{
		{`timezone = "UTC"`, `timezone = "UTC" # same`, ""},
		{`max_age  = "2h"`, `max_age = "3h"`, ""},
		{`rate = "4/s, 240/min"`, `rate = "1/s"`, ""},
		{`concurrency = 3`, `concurrency = 4`, ""},
		{`min_interval = "1m"`, `timeout = "1m"`, ""},
		{`url = "u"` + "\nrate", `url = "v"` + "\nrate", "y"},
		{`password = { env = "PASSWORD" }`, `password = { env = "HOME" }`, "z"},
		{`session = "y"`, `session = "y"` + "\nnumber = 1", "z"},
		{`hook = true`, `hook = false`, "s"},
		{`path = "/abs"`, `path = "/abs2"`, "r"},
		{`type = "fake"`, `type = "other"`, "y"},
	} {
		text := strings.Replace(planText, c.old, c.text, 1)
		if text == planText {
			t.Fatalf("%q is not in the text", c.old)
		}
		_, after := assembled(t, text)
		var changed []string
		for i := range before.Credentials {
			if before.Credentials[i].Inputs != after.Credentials[i].Inputs {
				changed = append(changed, before.Credentials[i].Name)
			}
		}
		for i := range before.Sinks {
			// The sink's folder is another one in each run.
			if before.Sinks[i].Target != after.Sinks[i].Target && before.Sinks[i].Name != "s" || before.Sinks[i].Hook != after.Sinks[i].Hook {
				changed = append(changed, before.Sinks[i].Name)
			}
		}
		if got := strings.Join(changed, " "); got != c.changed {
			t.Errorf("%s changed %q, want %q", c.text, got, c.changed)
		}
	}
}

func TestSecretsAndCertificatesAreWatched(t *testing.T) {
	cfg, _ := assembled(t, `
[providers.p]
type = "fake"
url = "u"
password = { file = "pw" }
tls = { ca_file = "ca.pem" }
#-- pw --
secret
#-- ca.pem --
CERT
`)
	for _, name := range []string{"/config.toml", "/pw", "/ca.pem"} {
		if !slices.ContainsFunc(cfg.Files(), func(path string) bool { return strings.HasSuffix(path, name) }) {
			t.Errorf("%s is not among %v", name, cfg.Files())
		}
	}
}

func TestOutsideTheUnitCredentialsMayBeMissing(t *testing.T) {
	enter(t, "[providers.p]\ntype = \"fake\"\nurl = \"u\"\npassword = { credential = \"pw\" }\n")
	for _, ok := range []bool{true, false} {
		cfg, faults := config.Load("config.toml", config.Options{Getenv: testEnv, UID: 1000, CredentialsMissingOK: ok})
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		if faults := New(fakeOptions()).Open(cfg).All(); (len(faults) == 0) != ok {
			t.Errorf("missing credentials allowed %v, faults %v", ok, faults)
		}
	}
}

// TestFilesOfTheStateAreKnown: no sink may write a file that the store creates.
func TestFilesOfTheStateAreKnown(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(dir, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) == 0 {
		t.Fatalf("%d files, %v", len(entries), err)
	}
	a := &assembly{Loaded: newLoaded(&config.Config{Daemon: config.Daemon{StateDir: dir}})}
	for _, e := range entries {
		if a.ownFiles()[realpath.Of(filepath.Join(dir, e.Name()))] == "" {
			t.Errorf("a sink may write %s", e.Name())
		}
	}
}

func TestTwoNamesOfOneFileClash(t *testing.T) {
	const text = `
[providers.p]
type = "fake"
url = "u"
[credentials.c]
provider = "p"
[sinks.s]
type = "text"
path = "folder/f"
content = "${c.token}"
[sinks.t]
type = "text"
path = "alias/f"
content = "${c.token}"
[sinks.u]
type = "text"
path = "other/f"
content = "${c.token}"
`
	enter(t, text)
	mkdir(t, "folder")
	mkdir(t, "other")
	link(t, "folder", "alias")
	cfg, _ := config.Load("config.toml", config.Options{Getenv: testEnv, UID: 1000})
	faults := New(fakeOptions()).Open(cfg).All()
	if len(faults) != 1 || faults[0].Key != "sinks.t.path" {
		t.Errorf("faults %v", faults)
	}
}

// TestMissingParksOnlyWhatUsesIt: what is missing at a start affects only the credentials
// that need it. What was read before stays in use, and its return is not a change.
func TestMissingParksOnlyWhatUsesIt(t *testing.T) {
	enter(t, `
[providers.p]
type = "fake"
url = "u"
password = { file = "pw" }
[providers.q]
type = "fake"
url = "v"
[credentials.a]
provider = "p"
id = "1"
[credentials.b]
provider = "q"
id = "2"
[sinks.s]
type = "text"
path = "f"
content = "${a.token} ${b.token}"
`)
	l := New(fakeOptions())
	take := func() (*Loaded, plan.Change) {
		t.Helper()
		loaded := l.Load()
		if err := loaded.Err(); err != nil {
			t.Fatal(err)
		}
		change := l.Change(loaded, []byte("key"))
		l.Adopt(loaded)
		return loaded, change
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile("pw", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	loaded, change := take()
	a, b := change.Credentials.Added[0], change.Credentials.Added[1]
	if len(a.Missing) != 1 || !strings.HasSuffix(a.Missing[0].Path, "/pw") || a.Inputs != "" || a.Identity != "" || len(b.Missing) > 0 || b.Inputs == "" {
		t.Errorf("got %+v and %+v", a, b)
	}
	if len(loaded.Missing) != 1 || len(loaded.MissingFaults) != 1 || len(change.Sinks.Added) != 1 {
		t.Errorf("got %+v, %v", loaded.Missing, loaded.MissingFaults)
	}
	if _, change = take(); !change.Empty() {
		t.Errorf("while it is still missing: %v", change.Changed())
	}
	write("one")
	if _, change = take(); len(change.Credentials.Changed) != 1 || len(change.Credentials.Changed[0].Missing) > 0 || change.Credentials.Changed[0].Identity != "fake u 1" {
		t.Fatalf("when it appears: %+v", change.Credentials)
	}
	if err := os.Remove("pw"); err != nil {
		t.Fatal(err)
	}
	if loaded, change = take(); !change.Empty() || len(loaded.Missing) > 0 || len(loaded.Warnings) != 1 || loaded.Warnings[0].Credential != "a" {
		t.Errorf("when it is gone: %v, %+v, %+v", change.Changed(), loaded.Missing, loaded.Warnings)
	}
	write("one")
	if loaded, change = take(); !change.Empty() || len(loaded.Warnings) > 0 {
		t.Errorf("when the same bytes are back: %v, %+v", change.Changed(), loaded.Warnings)
	}
	write("two")
	if _, change = take(); len(change.Credentials.Changed) != 1 {
		t.Errorf("when others are there: %+v", change.Credentials)
	}
}

// TestGoneFilesAreTold: a file that an include no longer finds may be in the middle of a
// save.
func TestGoneFilesAreTold(t *testing.T) {
	enter(t, "include = [\"d/*.toml\"]\n#-- d/a.toml --\n[providers.p]\ntype = \"fake\"\nurl = \"u\"\n")
	l := New(fakeOptions())
	loaded := l.Load()
	l.Change(loaded, nil)
	l.Adopt(loaded)
	if err := os.Remove("d/a.toml"); err != nil {
		t.Fatal(err)
	}
	if gone := l.Load().Gone(); len(gone) != 1 || !strings.HasSuffix(gone[0], "/d/a.toml") {
		t.Errorf("got %q, want the included file", gone)
	}
}
