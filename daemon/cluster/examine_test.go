package cluster

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
)

// The doctor compares clocks, and warns of little space and old versions.
func TestExamineComparesClocks(t *testing.T) {
	t.Parallel()
	for ahead, warned := range map[time.Duration]bool{0: false, 3 * time.Second: false, 8 * time.Second: true, -time.Minute: true} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/version" {
				t.Errorf("path: got %s, want %s", r.URL.Path, "/version")
			}
			w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		}))
		defer server.Close()
		e := &etcd{opt: EtcdOptions{Endpoints: []string{server.URL}}}
		warnings := e.clocks(t.Context())
		if (len(warnings) > 0) != warned || warned && !strings.Contains(warnings[0], "apart") {
			t.Errorf("%s ahead: %q", ahead, warnings)
		}
	}
}

func TestExamineWarnsOfSpace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		size, quota int64
		warned      string
	}{
		{100 << 20, 0, ""},
		{1700 << 20, 0, "1700 of 2048 MiB, unless"},
		{1700 << 20, 8 << 30, ""},
		{7 << 30, 8 << 30, "7168 of 8192 MiB:"},
	} {
		if got := strings.Join(filled("e", c.size, c.quota), ""); c.warned == "" && got != "" || !strings.Contains(got, c.warned) {
			t.Errorf("%d of %d: %q", c.size, c.quota, got)
		}
	}
}

// A real engine on this machine: permissions are proved, and no key is left.
func TestExamineLeavesNothing(t *testing.T) {
	t.Parallel()
	endpoint, _, _ := startEtcd(t)
	kv := reachEtcd(t, endpoint)
	warnings, err := Examine(t.Context(), EtcdOptions{Endpoints: []string{endpoint}, Prefix: "/vigente/test"}, "a")
	if err != nil {
		t.Fatal(err)
	}
	if text := strings.Join(warnings, "\n"); strings.Contains(text, "apart") || !strings.Contains(text, "more than /vigente/test/ can be read") {
		t.Errorf("it warns of %q", text)
	}
	if all, _, err := kv.List(t.Context(), ""); err != nil || len(all) > 0 {
		t.Errorf("%d keys are left, %v", len(all), err)
	}
}

// The permissions proved are those on exactly the prefix: with fewer the doctor says what
// is missing, with these it warns of nothing wider.
func TestExamineProvesTheRightsOnThePrefix(t *testing.T) {
	t.Parallel()
	endpoint, _, _ := startEtcd(t)
	reachEtcd(t, endpoint)
	client, err := clientv3.New(clientv3.Config{Endpoints: []string{endpoint}, Logger: zap.NewNop()})
	must(t, err)
	t.Cleanup(func() { _ = client.Close() })
	ctx := t.Context()
	const readWrite = clientv3.PermissionType(clientv3.PermReadWrite)
	for _, c := range []struct {
		user, prefix string
		rights       clientv3.PermissionType
	}{
		{"all", "/vigente/test/", readWrite},
		{"reader", "/vigente/test/", clientv3.PermissionType(clientv3.PermRead)},
		{"unclosed", "/vigente/test", readWrite},
		{"parent", "/vigente/", readWrite},
		{"part", "/vigente/test/doctor/", readWrite},
		{"root", "", 0},
	} {
		if c.prefix != "" {
			_, err = client.RoleAdd(ctx, c.user)
			must(t, err)
			_, err = client.RoleGrantPermission(ctx, c.user, c.prefix, clientv3.GetPrefixRangeEnd(c.prefix), c.rights)
			must(t, err)
		}
		_, err = client.UserAdd(ctx, c.user, "secret")
		must(t, err)
		_, err = client.UserGrantRole(ctx, c.user, c.user)
		must(t, err)
	}
	_, err = client.AuthEnable(ctx)
	must(t, err)
	examine := func(user, password, prefix string) (string, error) {
		warnings, err := Examine(ctx, EtcdOptions{Endpoints: []string{endpoint}, Prefix: prefix, Username: user, Password: password}, "a")
		return strings.Join(warnings, "\n"), err
	}
	if warnings, err := examine("all", "secret", "/vigente/test"); err != nil || strings.Contains(warnings, "more than") {
		t.Errorf("with rights on the prefix: %q, %v", warnings, err)
	}
	for _, user := range []string{"unclosed", "parent", "root"} {
		if warnings, err := examine(user, "secret", "/vigente/test"); err != nil || !strings.Contains(warnings, "more than /vigente/test/ can be read") {
			t.Errorf("with rights on more than the prefix, as %s: %q, %v", user, warnings, err)
		}
	}
	for name, c := range map[string]struct{ user, password, prefix, want string }{
		"a part only":      {"part", "secret", "/vigente/test", "read below /vigente/test"},
		"another prefix":   {"all", "secret", "/vigente/other", "read below /vigente/other"},
		"a longer name":    {"all", "secret", "/vigente/test2", "read below /vigente/test2"},
		"reading only":     {"reader", "secret", "/vigente/test", "write below /vigente/test"},
		"another password": {"all", "wrong", "/vigente/test", "engine answers"},
	} {
		if warnings, err := examine(c.user, c.password, c.prefix); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v and %q, want %q", name, err, warnings, c.want)
		}
	}
}

// The doctor of a full engine does not speak of rights.
func TestExamineOfAFullEngine(t *testing.T) {
	t.Parallel()
	endpoint, _, _ := startEtcd(t, "--quota-backend-bytes", "1000000")
	kv := reachEtcd(t, endpoint)
	var err error
	for i := 0; i < 400 && err == nil; i++ {
		_, _, err = kv.Swap(t.Context(), fmt.Sprint("c/", i), 0, make([]byte, 500_000), 0)
	}
	if err == nil {
		t.Fatal("the engine does not become full")
	}
	_, lacks := Examine(t.Context(), EtcdOptions{Endpoints: []string{endpoint}, Prefix: "/vigente/test"}, "a")
	if lacks == nil || !strings.Contains(lacks.Error(), "space exceeded (compact and defragment it") || strings.Contains(lacks.Error(), "rights") {
		t.Errorf("got %v, want what to do about the space", lacks)
	}
}
