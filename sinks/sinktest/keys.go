package sinktest

import (
	"path/filepath"
	"strings"

	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
)

// readsKeys checks the keys that all sinks share.
func readsKeys(r *rig) {
	b := r.open("")
	if b.File != r.path || b.Hook != nil || b.Enforce || len(b.Claims) == 0 || len(b.Refs) == 0 {
		r.Errorf("minimal section: got %+v", b)
	}
	for _, ref := range b.Refs {
		if ref.Credential != "c" || ref.Field != "token" || ref.Key == "" {
			r.Errorf("got reference %+v", ref)
		}
	}
	for _, c := range b.Claims {
		if c.Key == "" {
			r.Errorf("claim %q has no key", c.Part)
		}
	}
	b = r.open("enforce = true\non_change = { command = [\"true\"], timeout = \"5s\" }\nmode = \"0640\"\nowner = \"root\"\ngroup = \"root\"")
	if b.Hook == nil || !b.Enforce {
		r.Errorf("full section: got %+v", b)
	}
	r.path = "relative/target"
	if b = r.open(""); !filepath.IsAbs(b.File) || !strings.HasSuffix(b.File, "/relative/target") {
		r.Errorf("relative path: got %q", b.File)
	}
	for extra, key := range map[string]string{
		"":                                  "sinks.it.path",
		"path = \"\"":                       "sinks.it.path",
		"path = 1":                          "sinks.it.path",
		"path = \"a\"\nmode = \"0999\"":     "sinks.it.mode",
		"path = \"a\"\nenforce = \"yes\"":   "sinks.it.enforce",
		"path = \"a\"\nowner = 0":           "sinks.it.owner",
		"path = \"a\"\nunknown = 1":         "sinks.it.unknown",
		"path = \"a\"\non_change = \"rm\"":  "sinks.it.on_change",
		"path = \"a\"\non_change = { }":     "sinks.it.on_change.command",
		"path = \"a\"\non_change.timeout=1": "sinks.it.on_change.timeout",
	} {
		wantFault(r, extra+"\n"+r.Config, key)
	}
}

func wantFault(r *rig, text, key string) {
	r.Helper()
	s, err := section.Parse("sinks.it", text)
	if err != nil {
		r.Fatalf("%v in\n%s", err, text)
	}
	r.Kind.Open(s, sinks.Env{})
	for _, f := range s.Finish() {
		if f.Key == key {
			return
		}
	}
	r.Errorf("got no fault at %s for\n%s\nonly %v", key, text, s.Faults())
}
