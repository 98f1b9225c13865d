package web

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
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
	if logs.Len() != 1 {
		t.Fatalf("the log holds %v", logs.All())
	}
	detail, _ := logs.All()[0].ContextMap()["detail"].(string)
	if line := logs.All()[0]; line.Message != "connection failed" || line.Level != zap.WarnLevel || !strings.HasPrefix(detail, "panic serving 127.0.0.1:") {
		t.Errorf("%s %q %q", line.Level, line.Message, detail)
	}
}

// A peer that fails all the time is no flood, and what else is logged is not
// counted with it.
func TestComplaintsOfAMinuteAreFew(t *testing.T) {
	core, logs := observer.New(zap.WarnLevel)
	log := zap.New(core)
	to := zap.NewStdLog(Complaints(log.With(zap.String("of", "page"))))
	for i := range 50 {
		to.Printf("http: TLS handshake error from 127.0.0.1:%d: EOF", 40000+i)
		log.Warn("another line")
	}
	got := logs.FilterMessage("connection failed").All()
	if len(got) != 5 || logs.FilterMessage("another line").Len() != 50 {
		t.Fatalf("%d complaints, %d other lines", len(got), logs.FilterMessage("another line").Len())
	}
	if fields := got[4].ContextMap(); fields["detail"] != "TLS handshake error from 127.0.0.1:40004: EOF" || fields["of"] != "page" {
		t.Errorf("%v", fields)
	}
}
