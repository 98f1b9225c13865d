package drift

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/e2e/e2etest"
	tss "github.com/vigented/vigente/providers/tss/emulator"
)

func TestDriftIsRepairedWithinSecondsWithoutACall(t *testing.T) {
	tills, vault := tss.New(tss.Options{}), e2etest.NewVault(time.Hour)
	w := e2etest.Furnish(t, tills, vault, "")
	w.Start()
	w.Eventually("everything is delivered", func() bool {
		s := w.Status().States()
		return s["till"] == "delivered" && s["env"] == "delivered" && s["file"] == "delivered"
	})
	ini, env, file := w.Read("till/appserver.ini"), w.Read("out/vault.env"), w.Read("out/vault.token")
	token := tills.Token(e2etest.Shop)
	begun := time.Now()
	w.Write("till/appserver.ini", strings.Replace(ini, token, "", 1)+"\r\n[NEW]\r\nby=AppServer\r\n")
	if err := os.Remove(w.Path("out/vault.token")); err != nil {
		t.Fatal(err)
	}
	w.Write("out/vault.env", "MINE=1\n")
	w.Eventually("the INI is repaired", func() bool { return strings.Contains(w.Read("till/appserver.ini"), token) })
	w.Eventually("the file is back", func() bool { return w.Read("out/vault.token") == file })
	w.Eventually("the env file is repaired", func() bool { return strings.Contains(w.Read("out/vault.env"), strings.TrimSpace(env)) })
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("repaired after %s, want within 10 s", took)
	}
	if !strings.HasSuffix(w.Read("till/appserver.ini"), "by=AppServer\r\n") || !strings.HasPrefix(w.Read("out/vault.env"), "MINE=1\n") {
		t.Error("lines of other programs are gone")
	}
	foreign := strings.Replace(ini, token, strings.Repeat("a", 40), 1)
	w.Write("till/appserver.ini", foreign)
	w.Eventually("the foreign value is reported", func() bool { return w.Status().States()["till"] == "behind" })
	if w.Read("till/appserver.ini") != foreign {
		t.Error("the foreign value was replaced without enforce")
	}
	if tills.Requests() != 1 || vault.Counts().TokenRequests != 1 {
		t.Errorf("got %d and %d calls, want 1 each", tills.Requests(), vault.Counts().TokenRequests)
	}
	w.Configure(strings.Replace(e2etest.Both(w.TssURL(t), w.VaultURL(t), ""), "section = \"TSSOFFLINE\"\n", "section = \"TSSOFFLINE\"\nenforce = true\n", 1))
	w.Eventually("enforce replaces it", func() bool { return strings.Contains(w.Read("till/appserver.ini"), token) })
}
