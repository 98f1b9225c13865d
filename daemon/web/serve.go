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

// Bounds of one request.
const (
	readTimeout   = 30 * time.Second // until it has arrived whole
	idleTimeout   = 2 * time.Minute
	maxHeader     = 16 << 10
	MaxBody       = 1 << 20
	shutdownGrace = 2 * time.Second
	// maxStreams is how many requests of one HTTP/2 connection may wait at once.
	maxStreams = 8
)

// Serve answers requests until ctx ends, then lets those under way finish for a
// moment. It owns the listener and returns when nothing of it is left.
//
// webConfig is the path of a file in the form that Prometheus exporters share,
// or empty for plain HTTP. What it names (users, certificates) is read again
// for every connection.
func Serve(ctx context.Context, ln net.Listener, handler http.Handler, webConfig string, log *zap.Logger) error {
	server := &http.Server{Handler: handler, ErrorLog: zap.NewStdLog(Complaints(log))} //nolint:gosec // run bounds the time for headers
	bounds := Bounds{Limit: func(string) int { return ConnectionLimit() }}
	return run(ctx, ln, server, bounds, func(ln net.Listener) error {
		return web.Serve(ln, server, &web.FlagConfig{WebConfigFile: &webConfig}, slog.New(slog.DiscardHandler))
	})
}

// Run is Serve for a server that was made elsewhere. Requests see the end of
// ctx in their own context.
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
