package status

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

func TestServeLetsARequestFinish(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	ln := listen(t)
	entered := make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done() // the end of the daemon is seen by the request
		_, _ = io.WriteString(w, "done")
	})
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, ln, h, "", zap.NewNop()) }()
	answer := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + ln.Addr().String())
		if err != nil {
			answer <- err.Error()
			return
		}
		defer res.Body.Close()
		text, _ := io.ReadAll(res.Body)
		answer <- string(text)
	}()
	<-entered
	stop()
	if got := <-answer; got != "done" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-ended; err != nil {
		t.Errorf("Serve gave %v", err)
	}
	if _, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		t.Error("the listener is still there")
	}
}

func TestServeTellsABrokenListener(t *testing.T) {
	ln := listen(t)
	_ = ln.Close()
	if err := Serve(t.Context(), ln, http.NotFoundHandler(), "", zap.NewNop()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Serve gave %v", err)
	}
}

func TestServeContainsAndLogsAPanic(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	core, logs := observer.New(zap.DebugLevel)
	ln := listen(t)
	ended := make(chan error, 1)
	go func() {
		ended <- Serve(ctx, ln, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oops") }), "", zap.New(core))
	}()
	if _, err := http.Get("http://" + ln.Addr().String()); err == nil {
		t.Error("the request was answered")
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if logs.Len() != 1 || !bytes.Contains([]byte(logs.All()[0].Message), []byte("panic serving")) {
		t.Errorf("the log holds %v", logs.All())
	}
}
