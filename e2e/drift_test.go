package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	tss "github.com/vigented/vigente/providers/tss/emulator"
)

func TestDriftIsRepairedWithinSecondsWithoutACall(t *testing.T) {
	tills, vault := tss.New(tss.Options{}), newVault(time.Hour)
	w := furnish(t, tills, vault, "")
	w.start()
	w.eventually("everything is delivered", func() bool {
		s := w.status().states()
		return s["till"] == "delivered" && s["env"] == "delivered" && s["file"] == "delivered"
	})
	ini, env, file := w.read("till/appserver.ini"), w.read("out/vault.env"), w.read("out/vault.token")
	token := tills.Token(shop)
	begun := time.Now()
	w.write("till/appserver.ini", strings.Replace(ini, token, "", 1)+"\r\n[NEW]\r\nby=AppServer\r\n")
	if err := os.Remove(w.path("out/vault.token")); err != nil {
		t.Fatal(err)
	}
	w.write("out/vault.env", "MINE=1\n")
	w.eventually("the INI is repaired", func() bool { return strings.Contains(w.read("till/appserver.ini"), token) })
	w.eventually("the file is back", func() bool { return w.read("out/vault.token") == file })
	w.eventually("the env file is repaired", func() bool { return strings.Contains(w.read("out/vault.env"), strings.TrimSpace(env)) })
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("repaired after %s, want within 10 s", took)
	}
	if !strings.HasSuffix(w.read("till/appserver.ini"), "by=AppServer\r\n") || !strings.HasPrefix(w.read("out/vault.env"), "MINE=1\n") {
		t.Error("somebody else's lines are gone")
	}
	foreign := strings.Replace(ini, token, strings.Repeat("a", 40), 1)
	w.write("till/appserver.ini", foreign)
	w.eventually("the foreign value is reported", func() bool { return w.status().states()["till"] == "behind" })
	if w.read("till/appserver.ini") != foreign {
		t.Error("the foreign value was replaced without enforce")
	}
	if tills.Requests() != 1 || vault.Counts().TokenRequests != 1 {
		t.Errorf("%d and %d calls, want 1 each", tills.Requests(), vault.Counts().TokenRequests)
	}
	w.configure(strings.Replace(both(w.tssURL(t), w.vaultURL(t), ""), "section = \"TSSOFFLINE\"\n", "section = \"TSSOFFLINE\"\nenforce = true\n", 1))
	w.eventually("enforce replaces it", func() bool { return strings.Contains(w.read("till/appserver.ini"), token) })
}
