package e2etest

import (
	"net/http"
	"os"
	"strings"
)

// Refuses starts the daemon in every way in which it must refuse to start.
func (w *World) Refuses(saw func(where, said string, words ...string)) {
	w.T.Helper()
	_, _, errs := w.Run("run")
	saw("a second daemon", errs, "is in use by another vigente")
	w.Stop()
	w.Write("key", strings.Repeat("01", 32))
	head, rest, _ := strings.Cut(w.Read("config.toml"), "[daemon]\n")
	sealed := head + "[daemon]\nstate_key = { file = \"key\" }\n" + rest
	w.Write("config.toml", sealed)
	_, _, errs = w.Run("run")
	saw("a daemon with a key and a state in clear", errs, "it is in clear, and daemon.state_key is set")
	if code, _, errs := w.Run("seal"); code != 0 {
		w.T.Fatalf("seal: got exit code %d, want 0: %s", code, errs)
	}
	w.Start()
	w.Stop()
	w.Write("key", strings.Repeat("02", 32))
	_, _, errs = w.Run("run")
	saw("a daemon with another key", errs, "daemon.state_key is not the key it was sealed with")
	w.Write("config.toml", head+"[daemon]\n"+rest)
	_, _, errs = w.Run("run")
	saw("a daemon without the key", errs, "it is sealed")
	if err := os.RemoveAll(w.Path("state")); err != nil {
		w.T.Fatal(err)
	}
	taken := strings.TrimPrefix(Serve(w.T, http.NotFoundHandler()), "http://")
	w.Write("config.toml", strings.Replace(head+"[daemon]\n"+rest, w.Listen, taken, 1))
	w.Start()
	_, said, _ := w.Run("status")
	saw("a daemon whose port is taken", said, "address already in use")
	w.Stop()
}
