package load

import (
	"strings"
	"testing"

	"github.com/vigented/vigente/daemon/plan"
)

// TestMachinesTellSecretsApart: with the key of a cluster every machine computes the same
// digest of the same secret, whatever the secret's location and the host's own key are.
func TestMachinesTellSecretsApart(t *testing.T) {
	const table = "[cluster]\nendpoints = [\"http://127.0.0.1:2379\"]\nprefix = \"/v\"\nkey = { file = \"key\" }\n"
	const text = "[providers.p]\ntype = \"fake\"\nurl = \"u\"\npassword = { file = \"pw\" }\n[credentials.a]\nprovider = \"p\"\nnumber = 1\n"
	digests := func(hostKey, cluster, clusterKey, password string) (shared, inputs string) {
		t.Helper()
		enter(t, text+cluster+"#-- key --\n"+strings.Repeat(clusterKey, 64)+"\n#-- pw --\n"+password+"\n")
		l := New(fakeOptions())
		loaded := l.Load()
		if err := loaded.Err(); err != nil {
			t.Fatal(err)
		}
		added := l.Change(loaded, []byte(hostKey)).Credentials.Added
		if len(added) != 1 {
			t.Fatalf("got %d credentials, want 1", len(added))
		}
		return added[0].Shared, added[0].Inputs
	}
	first, local := digests("host a", table, "1", "secret")
	if second, other := digests("host b", table, "1", "secret"); first == "" || first != second || local == other {
		t.Errorf("got %q and %q for one secret, and %q and %q for the hosts, want the first two alike", first, second, local, other)
	}
	if other, _ := digests("host a", table, "1", "another"); other == first {
		t.Error("another secret has the same digest")
	}
	if other, _ := digests("host a", table, "2", "secret"); other == first {
		t.Error("the digest does not depend on the key of the cluster")
	}
	if none, _ := digests("host a", "", "1", "secret"); none != "" {
		t.Errorf("got %q without a cluster, want nothing", none)
	}
}

// TestSettingsAreOfTheClusterOnly: the digest of a table's keys is made for machines that
// share, is the same on all of them, and covers every key of providers, credentials and
// rows.
func TestSettingsAreOfTheClusterOnly(t *testing.T) {
	const text = "[providers.p]\ntype = \"fake\"\nurl = \"u\"\n[credentials.a]\nprovider = \"p\"\nnumber = 1\n" +
		"[fleets.f]\nrows = \"rows.csv\"\nname = \"{id}\"\n[fleets.f.credential]\nprovider = \"p\"\nid = \"{id}\"\nnumber = \"{number}\"\n"
	const table = "[cluster]\nendpoints = [\"http://127.0.0.1:2379\"]\nprefix = \"/v\"\nkey = { file = \"key\" }\n"
	settings := func(text, rows string) [3]plan.Hash {
		_, specs := assembled(t, text+"#-- key --\n"+strings.Repeat("1", 64)+"\n#-- rows.csv --\n"+rows)
		if len(specs.Credentials) != 2 {
			t.Fatalf("got %d credentials, want 2", len(specs.Credentials))
		}
		return [3]plan.Hash{specs.Providers[0].Settings, specs.Credentials[0].Settings, specs.Credentials[1].Settings}
	}
	const rows = "id,number\nx,2\n"
	if got := settings(text, rows); got != [3]plan.Hash{} {
		t.Errorf("without a cluster there are settings: %x", got)
	}
	base := settings(text+table, rows)
	if again := settings(text+table, rows); again != base || base[0] == (plan.Hash{}) {
		t.Errorf("got %x and %x, want the same", base, again)
	}
	for i, other := range [][2]string{
		{strings.Replace(text, `url = "u"`, `url = "v"`, 1), rows},
		{strings.Replace(text, `number = 1`, `number = 3`, 1), rows},
		{text, strings.Replace(rows, "x,2", "x,4", 1)},
	} {
		got := settings(other[0]+table, other[1])
		for j := range got {
			if (got[j] != base[j]) != (i == j) {
				t.Errorf("change %d: digest %d changed: %v", i, j, got[j] != base[j])
			}
		}
	}
}
