package getent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/internal/getent"
)

// answers puts a getent that runs the given script into PATH.
func answers(t *testing.T, script string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "getent"), []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
}

// TestUsersAndGroups looks up names that are not in the local files.
func TestUsersAndGroups(t *testing.T) {
	answers(t, `case "$1 $2" in
"passwd totvs-ad") echo "totvs-ad:*:70001:70002:T, A:/home/x:/bin/sh";;
"group erp-ad") echo "erp-ad:*:70003:a,b";;
"group odd") echo "odd";;
*) exit 2;;
esac`)
	for _, c := range []struct {
		find func() (int, error)
		want string
	}{
		{func() (int, error) { return getent.UserID(t.Context(), "totvs-ad") }, "70001 <nil>"},
		{func() (int, error) { return getent.GroupID(t.Context(), "erp-ad") }, "70003 <nil>"},
		{func() (int, error) { return getent.UserID(t.Context(), "root") }, "0 <nil>"},
		{func() (int, error) { return getent.UserID(t.Context(), "4711") }, "4711 <nil>"},
		{func() (int, error) { return getent.UserID(t.Context(), "erp-ad") }, "0 user: unknown user erp-ad"},
		{func() (int, error) { return getent.GroupID(t.Context(), "odd") }, "0 group: unknown group odd"},
		{func() (int, error) { return getent.GroupID(t.Context(), "-s") }, "0 group: unknown group -s"},
	} {
		n, err := c.find()
		if got := fmt.Sprint(n, " ", err); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// TestSystemThatDoesNotAnswer covers a directory server that is down and a
// system without getent.
func TestSystemThatDoesNotAnswer(t *testing.T) {
	answers(t, "exec sleep 60")
	start := time.Now()
	_, err := getent.UserID(t.Context(), "far-away")
	if took := time.Since(start); took > 10*time.Second || err == nil || !strings.Contains(err.Error(), "getent had no answer within 2s") {
		t.Errorf("got %v after %v, want a timeout after 2s", err, took)
	}
	answers(t, "exit 1")
	if _, err = getent.UserID(t.Context(), "far-away"); err == nil || !strings.Contains(err.Error(), "asking getent") {
		t.Errorf("got %v, want an error from getent", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err = getent.UserID(t.Context(), "far-away"); err == nil || err.Error() != "user: unknown user far-away" {
		t.Errorf("got %v, want Go's own error", err)
	}
}

func TestAddresses(t *testing.T) {
	answers(t, `case "$1 $2" in
"ahosts tss-loja") printf '%s\n' "10.0.0.7 STREAM tss-loja" "10.0.0.7 DGRAM" "10.0.0.7 RAW" "fe80::1%eth0 STREAM" "2001:db8::7 STREAM";;
"ahosts odd") echo odd;;
*) exit 2;;
esac`)
	got, err := getent.Addresses(t.Context(), "tss-loja")
	if fmt.Sprint(got) != "[10.0.0.7 fe80::1%eth0 2001:db8::7]" || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	for _, host := range []string{"odd", "unknown", "", "-x"} {
		if got, err := getent.Addresses(t.Context(), host); err == nil {
			t.Errorf("%q: got %v, want an error", host, got)
		}
	}
}
