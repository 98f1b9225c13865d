package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/exporter-toolkit/web"
	"go.uber.org/zap"
)

// Bounds of one request. A scrape of a large fleet is the longest answer.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 60 * time.Second
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
	shutdownGrace = 2 * time.Second
)

// Serve answers requests until ctx ends, then lets those under way finish for a
// moment. It owns the listener and returns when nothing of it is left.
//
// webConfig is the path of a file in the form that Prometheus exporters share,
// or empty for plain HTTP. What it names (users, certificates) is read again
// for every connection.
func Serve(ctx context.Context, ln net.Listener, handler http.Handler, webConfig string, log *zap.Logger) error {
	server := &http.Server{
		Handler: handler, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, ErrorLog: zap.NewStdLog(Complaints(log)),
	}
	return run(ctx, ln, server, func() error {
		return web.Serve(ln, server, &web.FlagConfig{WebConfigFile: &webConfig}, slog.New(slog.DiscardHandler))
	})
}

// Run is Serve for a server that was made elsewhere. Requests see the end of
// ctx in their own context.
func Run(ctx context.Context, ln net.Listener, server *http.Server) error {
	return run(ctx, ln, server, func() error { return server.Serve(ln) })
}

func run(ctx context.Context, ln net.Listener, server *http.Server, serve func() error) error {
	server.ReadHeaderTimeout = headerTimeout
	server.IdleTimeout = idleTimeout
	server.MaxHeaderBytes = maxHeader
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	ended := make(chan error, 1)
	go func() { ended <- serve() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	// The end was asked for already; what is under way gets its own deadline.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownGrace)
	defer cancel()
	if server.Shutdown(grace) != nil {
		_ = server.Close()
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
