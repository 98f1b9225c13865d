package exec

import (
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers"
)

// TestAColumnIsNoReference runs the command of a fleet's row whose column looks
// like a reference; as an argument it is refused.
func TestAColumnIsNoReference(t *testing.T) {
	bind := func(keys string) (providers.Binding, []section.Fault) {
		root, err := section.Parse("fleets.f", "[credential]\n"+keys)
		if err != nil {
			t.Fatal(err)
		}
		row := root.Template("credential").Fill([]string{"credentials", "f/r"}, section.Row{
			File: "f.csv", Line: 2, Name: "f/r", Column: func(string) string { return "a${x.y}" },
		})
		p, err := section.Parse("providers.p", "")
		if err != nil {
			t.Fatal(err)
		}
		b := open(p, providers.Env{}).Bind(row)
		return b, append(p.Finish(), row.Finish()...)
	}
	b, faults := bind(`command = ["/bin/sh", "-c", "echo $A/$(cat)"]
		env = { A = "{c}" }
		stdin = "{c}"`)
	if len(faults) > 0 || len(b.Needs) > 0 {
		t.Fatal(faults, b.Needs)
	}
	got, err := b.Source.Refresh(t.Context(), credential.Request{At: time.Now()})
	if want := "a${x.y}/a${x.y}"; err != nil || got.Values[fieldToken].Reveal() != want {
		t.Errorf("got %q, %v, want %q", got.Values[fieldToken].Reveal(), err, want)
	}
	if _, faults := bind(`command = ["/bin/echo", "{c}"]`); len(faults) != 1 || !strings.Contains(faults[0].Message, "holds ${…}") {
		t.Errorf("as an argument: %v", faults)
	}
}
