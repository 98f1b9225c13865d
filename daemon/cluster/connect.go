package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
)

// reconnect says how soon a lost connection is tried again. By default, grpc waits up to
// two minutes after a long absence, but an engine that is back must be noticed within
// seconds.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: reconnectFirst, Multiplier: 1.6, Jitter: 0.2, MaxDelay: reconnectLast},
	MinConnectTimeout: dialTimeout,
}

// Bounds of the pause between two tries to connect.
const (
	reconnectFirst = 500 * time.Millisecond
	reconnectLast  = 2 * time.Second
)

// renewable secures each new connection with the settings of that moment, so that a
// renewed certificate needs no restart.
type renewable struct{ current func() *tls.Config }

func (r renewable) now() credentials.TransportCredentials { return credentials.NewTLS(r.current()) }

func (r renewable) ClientHandshake(ctx context.Context, authority string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return r.now().ClientHandshake(ctx, authority, conn)
}

func (renewable) ServerHandshake(net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errors.New("this is a client")
}

func (r renewable) Info() credentials.ProtocolInfo          { return r.now().Info() }
func (r renewable) Clone() credentials.TransportCredentials { return r }

// OverrideServerName is part of the interface and no longer used by grpc.
func (renewable) OverrideServerName(string) error { return errors.New("tls.server_name sets the name") }
