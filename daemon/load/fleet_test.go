package load

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vigented/vigente/daemon/plan"
)

const fleetText = `
[providers.p]
type = "fake"
url = "u"
[fleets.shops]
rows = "shops.csv"
name = "{code}"
[fleets.shops.credential]
provider = "p"
id = "{id}"
number = "{n}"
[fleets.shops.sinks.till]
type = "text"
path = "{code}/f {{x}"
content = "${this.token} {note} $${no}"
`

// shops loads the fleet in the working directory.
type shops struct {
	t testing.TB
	*Loader
}

func newShops(t testing.TB, text, rows string) *shops {
	t.Helper()
	enter(t, text)
	s := &shops{t, New(fakeOptions())}
	s.write(rows)
	return s
}

func (s *shops) write(rows string) {
	s.t.Helper()
	if err := os.WriteFile("shops.csv", []byte(rows), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// take loads and adopts the configuration, and returns what changed.
func (s *shops) take() (*Loaded, plan.Change) {
	s.t.Helper()
	loaded := s.Load()
	if err := loaded.Err(); err != nil {
		s.t.Fatal(err)
	}
	change := s.Change(loaded, []byte("key"))
	s.Adopt(loaded)
	return loaded, change
}

func (s *shops) refused(want string) {
	s.t.Helper()
	loaded := s.Load()
	if err := loaded.Err(); err == nil || !strings.Contains(err.Error(), want) {
		s.t.Errorf("got %v, want a refusal with %q", err, want)
	}
}

func namesOf(list []*plan.Credential) string {
	var names []string
	for _, c := range list {
		names = append(names, c.Name)
	}
	return strings.Join(names, " ")
}

func TestRowsMakeCredentialsAndSinks(t *testing.T) {
	s := newShops(t, fleetText, "\ufeffcode;id;n;note\r\nA1;\"1 \"\"x\"\"\";7;${x.y} {id}\r\nb-2; 2;8;\"two\r\nlines\"\r\n")
	loaded, change := s.take()
	if got := namesOf(change.Credentials.Added); got != "shops/a1 shops/b-2" {
		t.Fatalf("got %q, faults of fleets %+v", got, loaded.Fleets)
	}
	a, b := change.Credentials.Added[0], change.Credentials.Added[1]
	if a.Identity != `fake u 1 "x"` || b.Identity != "fake u  2" || a.Provider != "p" {
		t.Errorf("got %+v and %+v", a, b)
	}
	till := change.Sinks.Added[0]
	if till.Name != "shops/a1/till" || !strings.HasSuffix(till.Path, "/A1/f {x}") || !slices.Equal(till.Needs, []string{"shops/a1"}) {
		t.Errorf("got the sink %+v", till)
	}
	if f := loaded.Fleets[0]; f.Good != 2 || len(f.Bad) > 0 {
		t.Errorf("got %+v", f)
	}
	if _, change := s.take(); !change.Empty() {
		t.Errorf("the same table changed %v", change.Changed())
	}
}

// TestRowsShareTheirPolicy: a timing key of the template costs no memory in each row, and
// is still named as the row's own.
func TestRowsShareTheirPolicy(t *testing.T) {
	s := newShops(t, strings.Replace(fleetText, "[fleets.shops.credential]", "[fleets.shops.credential]\njitter = \"0s\"", 1), "code,id,n,note\na,1,7,x\nb,2,8,y\n")
	_, change := s.take()
	a, b := change.Credentials.Added[0], change.Credentials.Added[1]
	if a.Common != b.Common {
		t.Errorf("got policies of their own, %+v and %+v", a.Policy, b.Policy)
	}
	if rows := s.now.fleet["shops"].rows; len(rows[0].claims) != 1 || &rows[0].claims[0] != &rows[1].claims[0] {
		t.Errorf("got claims of their own, %v and %v", rows[0].claims, rows[1].claims)
	}
	if got, want := b.Policy.Key("jitter", b.Table()), `credentials."shops/b".jitter`; got != want {
		t.Errorf("got the key %s, want %s", got, want)
	}
}

func TestBadRowsHarmNoOther(t *testing.T) {
	s := newShops(t, fleetText, "code,id,n,note\na,1,1,x\nb,2,x7,x\n,3,3,x\na,4,4,x\nc,1,5,x\nd,6,6\ne,7,7,x\n\xff,8,8,x\n")
	loaded, change := s.take()
	if got := namesOf(change.Credentials.Added); got != "shops/a shops/e" {
		t.Errorf("got %q", got)
	}
	want := []string{
		`shops.csv:4: code: "" is not a valid name (expected letters, digits, _ and -, at most 64, the first a letter or a digit)`,
		`shops.csv:5: code: "a" is the name of the row at line 2 already (expected each name once)`,
		`shops.csv:7: has 3 fields (expected 4, as the header has)`,
		"shops.csv:9: code: \"\ufffd\" is not a valid name (expected letters, digits, _ and -, at most 64, the first a letter or a digit)",
		`shops.csv:3: n: "x7" is not an integer (expected an integer)`,
		`shops.csv:6: is the same thing at the backend as shops/a at shops.csv:2 (expected one row for it)`,
	}
	got := loaded.Fleets[0].Bad
	for _, line := range want {
		if !slices.ContainsFunc(got, func(b string) bool { return strings.HasPrefix(b, line[:min(len(line), 40)]) }) {
			t.Errorf("%q is not among\n%s", line, strings.Join(got, "\n"))
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d bad rows, want %d:\n%s", len(got), len(want), strings.Join(got, "\n"))
	}
}

// TestChangedRowIsTheOnlyChange also covers a row that turns bad, keeps its last good form,
// and is good again.
func TestChangedRowIsTheOnlyChange(t *testing.T) {
	s := newShops(t, fleetText, "code,id,n,note\na,1,1,x\nb,2,2,x\nc,3,3,x\n")
	s.take()
	s.write("code,id,n,note\na,1,1,x\nb,2,22,x\nc,3,3,x\n")
	if _, change := s.take(); namesOf(change.Credentials.Changed) != "shops/b" || len(change.Credentials.Added)+len(change.Credentials.Removed)+len(change.Sinks.Changed) > 0 {
		t.Errorf("got the change %+v", change)
	}
	s.write("code,id,n,note\na,1,1,x\nb,2,twenty,x\nc,3,3,x\n")
	loaded, change := s.take()
	if !change.Empty() || loaded.Fleets[0].Good != 2 || len(loaded.Fleets[0].Bad) != 1 {
		t.Errorf("a row that turned bad changed %+v, %+v", change, loaded.Fleets[0])
	}
	s.write("code,id,n,note\na,1,1,x\n")
	if _, change := s.take(); strings.Join(change.Credentials.Removed, " ") != "shops/b shops/c" || strings.Join(change.Sinks.Removed, " ") != "shops/b/till shops/c/till" {
		t.Errorf("got the change %+v", change)
	}
}

func TestTablesCaughtInASave(t *testing.T) {
	good := "code,id,n,note\na,1,1,x\nb,2,2,x\n"
	s := newShops(t, fleetText, "")
	loaded, change := s.take() // the start
	if f := loaded.Fleets[0]; f.Good != 0 || f.Problem == "" || len(loaded.MissingFaults) != 1 || !change.Retained("shops/a") || !change.Retained("shops/a/till") || change.Retained("shop/a") {
		t.Errorf("got %+v, %v", f, loaded.MissingFaults)
	}
	s.write(good)
	s.take()
	for _, cut := range []string{"", " \n", "code,id,n,note\n", good[:len(good)-4], "code,id,n,note\na,1,1,\"x\nb,2,2,x\n"} {
		s.write(cut)
		s.refused("fleets.shops.rows: ")
	}
	if err := os.Remove("shops.csv"); err != nil {
		t.Fatal(err)
	}
	s.refused("does not exist")
}

func TestGuardsOfLargeChanges(t *testing.T) {
	table := func(n int, id string) string {
		text := "code,id,n,note\n"
		for i := range n {
			text += fmt.Sprintf("c%d,%s%d,1,x\n", i, id, i)
		}
		return text
	}
	s := newShops(t, fleetText, table(20, "a"))
	s.take()
	s.write(table(9, "a"))
	s.refused("remove 11 of the 20 rows")
	s.write(table(20, "b"))
	s.refused("--accept-identities")
	s.Accept(Accept{Identities: true})
	if _, change := s.take(); len(change.Credentials.Changed) != 20 {
		t.Errorf("%d changed, want 20", len(change.Credentials.Changed))
	}
	s.write(table(9, "b"))
	s.refused("--accept-removals") // what was accepted was accepted once
	s.Accept(Accept{Removals: true})
	if _, change := s.take(); len(change.Credentials.Removed) != 11 {
		t.Errorf("%d removed, want 11", len(change.Credentials.Removed))
	}
}

func TestWhatIsWrongInEveryRowIsTheTemplates(t *testing.T) {
	rows := "code,id,n,note\na,1,1,x\nb,2,2,x\n"
	for old, c := range map[string]struct{ text, want string }{
		`id = "{id}"`:        {`id = "{ident}"`, `config.toml:10: fleets.shops.credential.id: there is no column "ident" (expected one of the table's: code, id, n, note`},
		`provider = "p"`:     {`provider = "q"`, `config.toml:9: fleets.shops.credential.provider: there is no provider "q"`},
		`number = "{n}"`:     {`nummer = "{n}"`, `unknown key`},
		`${this.token}`:      {`${this.tokn}`, `has no field "tokn"`},
		`name = "{code}"`:    {`name = "{cod}"`, `config.toml:7: fleets.shops.name: there is no column "cod"`},
		`{note} $${no}`:      {`{note`, `is not closed`},
		`rows = "shops.csv"`: {`row = "shops.csv"`, `rows: is missing`},
	} {
		text := strings.Replace(fleetText, old, c.text, 1)
		s := newShops(t, text, rows)
		loaded := s.Load()
		if err := loaded.Err(); c.text == `nummer = "{n}"` {
			if err != nil || len(loaded.Fleets[0].Bad) != 2 || !strings.Contains(loaded.Fleets[0].Bad[0], c.want) {
				t.Errorf("%s: got %v and %v", c.text, err, loaded.Fleets)
			}
		} else if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.text, err, c.want)
		}
	}
}

func TestBadRowsMayRefuseAll(t *testing.T) {
	s := newShops(t, strings.Replace(fleetText, "rows = ", "bad_row = \"refuse\"\nrows = ", 1), "code,id,n,note\na,1,1,x\nb,2,x,x\n")
	s.refused("shops.csv:3: n: ")
}

func TestFoldersOfRows(t *testing.T) {
	enter(t, strings.Replace(fleetText, "shops.csv", "rows", 1)+`
#-- rows/a.toml --
code = "a"
id = "1"
n = 7
note = "x"
#-- rows/b.toml --
code = "b"
id = "2"
#-- rows/.hidden.toml --
broken
#-- rows/c.toml --
code = [
#-- rows/README --
broken
`)
	s := &shops{t, New(fakeOptions())}
	loaded, change := s.take()
	if got := namesOf(change.Credentials.Added); got != "shops/a" || len(loaded.Fleets[0].Bad) != 2 {
		t.Errorf("got %q, %v", got, loaded.Fleets[0].Bad)
	}
	for i, want := range []string{"rows/b.toml:1: the key", "rows/c.toml:1: "} {
		if !strings.HasPrefix(loaded.Fleets[0].Bad[i], want) {
			t.Errorf("got %q, want %q", loaded.Fleets[0].Bad[i], want)
		}
	}
}

func TestTablesOfOtherPrograms(t *testing.T) {
	text := strings.Replace(fleetText, "rows = ", "encoding = \"windows-1252\"\nrows = ", 1)
	s := newShops(t, text, "sep=;\ncode;id;n;note\na;S\xe3o;1;x\n")
	_, change := s.take()
	if len(change.Credentials.Added) != 1 || change.Credentials.Added[0].Identity != "fake u São" {
		t.Errorf("got %+v", change.Credentials.Added)
	}
	s = newShops(t, text, "c\x00\xff")
	if loaded := s.Load(); loaded.Fleets[0].Problem == "" {
		t.Errorf("got %+v", loaded.Fleets)
	}
}
