package http

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers/providertest"
)

// TestAColumnIsNoReference makes a request from the row of a fleet whose column
// looks like a reference, in every key that accepts one.
func TestAColumnIsNoReference(t *testing.T) {
	root, err := section.Parse("fleets.f", `[credential]
		path = "/{c}"
		secrets_in_url = true
		headers = { X-C = "{c}" }
		basic = { username = "{c}", password = "${one.token}" }
		json = { c = "{c}", in = { list = [1, "{c}", { deep = "{c} ${one.token}" }] } }
		fields = { token = "text" }
	`)
	if err != nil {
		t.Fatal(err)
	}
	column := func(string) string { return "a${x.y}" }
	row := root.Template("credential").Fill([]string{"credentials", "f/r"}, section.Row{File: "f.csv", Line: 2, Name: "f/r", Column: column})
	synctest.Test(t, func(t *testing.T) {
		var line, body, header, user string
		n := providertest.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			data, _ := io.ReadAll(r.Body)
			user, _, _ = r.BasicAuth()
			line, body, header = r.URL.Path, string(data), r.Header.Get("X-C")
			_, _ = io.WriteString(w, "t")
		}))
		p, err := section.Parse("providers.p", `url = "https://portal.example"`)
		if err != nil {
			t.Fatal(err)
		}
		b := open(p, n.Env()).Bind(row)
		for _, f := range append(p.Finish(), row.Finish()...) {
			t.Fatal(f)
		}
		if len(b.Needs) != 1 || b.Needs[0] != "one" {
			t.Errorf("needs %q, want one only", b.Needs)
		}
		inputs := map[string]credential.Credential{"one": {Values: map[string]credential.Secret{"token": credential.NewSecret("T")}}}
		if _, err := b.Source.Refresh(t.Context(), credential.Request{At: time.Now(), Inputs: inputs}); err != nil {
			t.Fatal(err)
		}
		for what, got := range map[string][2]string{
			"path": {line, "/a${x.y}"}, "header": {header, "a${x.y}"}, "user": {user, "a${x.y}"},
			"body": {body, `{"c":"a${x.y}","in":{"list":[1,"a${x.y}",{"deep":"a${x.y} T"}]}}`},
		} {
			if got[0] != got[1] {
				t.Errorf("%s is %q, want %q", what, got[0], got[1])
			}
		}
	})
}
