package load

import (
	"strings"
	"testing"
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
