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

// Limits of one request.
const (
	readTimeout   = 30 * time.Second // until it has arrived completely
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
	MaxBody       = 1 << 20
	shutdownGrace = 2 * time.Second
	// maxStreams limits the concurrent requests of one HTTP/2 connection.
	maxStreams = 8
)

// Serve answers requests until ctx ends, and then gives those in progress a moment to
// finish. It owns the listener and returns when it is closed.
//
// webConfig is the path of a file in the format of Prometheus exporters, or empty for
// plain HTTP. Its users and certificates are read again for every connection.
func Serve(ctx context.Context, ln net.Listener, handler http.Handler, webConfig string, log *zap.Logger) error {
	server := &http.Server{Handler: handler, ErrorLog: zap.NewStdLog(Complaints(log))} //nolint:gosec // run bounds the time for headers
	bounds := Bounds{Limit: func(string) int { return ConnectionLimit() }}
	return run(ctx, ln, server, bounds, func(ln net.Listener) error {
		return web.Serve(ln, server, &web.FlagConfig{WebConfigFile: &webConfig}, slog.New(slog.DiscardHandler))
	})
}

// Run is Serve for an existing server. The end of ctx cancels the contexts of
// requests.
func Run(ctx context.Context, ln net.Listener, server *http.Server, bounds Bounds) error {
	return run(ctx, ln, server, bounds, server.Serve)
}

func run(ctx context.Context, ln net.Listener, server *http.Server, bounds Bounds, serve func(net.Listener) error) error {
	server.ReadTimeout = readTimeout
	server.IdleTimeout = idleTimeout
	server.MaxHeaderBytes = maxHeader
	server.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: maxStreams}
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	connContext := server.ConnContext
	server.ConnContext = func(ctx context.Context, raw net.Conn) context.Context {
		ctx = withConn(ctx, raw)
		if connContext != nil {
			ctx = connContext(ctx, raw)
		}
		return ctx
	}
	server.Handler = attended(server.Handler)
	ended := make(chan error, 1)
	go func() { ended <- serve(newBounded(ln, bounds)) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	// ctx has ended; requests in progress get their own deadline.
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
