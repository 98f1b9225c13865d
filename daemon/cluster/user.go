package cluster

import (
	"context"
	"errors"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// user authenticates the requests of a client by name and password.
//
// The client of etcd does so as well, but not if the engine is away when it is made,
// and not with versions before 3.5 once its token is no longer valid: they refuse a
// request for a new token that carries an old one. Tokens end with the restart of a
// member.
type user struct {
	name, password string
	// connect returns a client without a user, which asks for tokens.
	connect func() (*clientv3.Client, error)
	turn    chan struct{} // guards what follows
	known   bool          // the token is what the engine wants
	token   string        // empty if it wants none
	refused error         // the last answer, if it refused the user
	askedAt time.Time     // when that was asked for
}

// refusedFor is how long a refusal of the user stands in for another one. Hashing a
// password is dear for the engine, and each refusal is a line in its log.
const refusedFor = 5 * time.Second

func newUser(opt EtcdOptions, connect func() (*clientv3.Client, error)) *user {
	return &user{name: opt.Username, password: opt.Password, connect: connect, turn: make(chan struct{}, 1)}
}

func (u *user) options() []grpc.DialOption {
	return []grpc.DialOption{grpc.WithPerRPCCredentials(u), grpc.WithChainUnaryInterceptor(u.notice)}
}

// RequireTransportSecurity is false for plain http, which the configuration accepts on
// loopback only.
func (*user) RequireTransportSecurity() bool { return false }

// GetRequestMetadata returns the token, after authenticating if there is none.
func (u *user) GetRequestMetadata(ctx context.Context, _ ...string) (map[string]string, error) {
	select {
	case u.turn <- struct{}{}:
		defer func() { <-u.turn }()
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	if u.refused != nil && time.Since(u.askedAt) < refusedFor {
		return nil, u.refused
	}
	if !u.known {
		if err := u.authenticate(ctx); err != nil {
			return nil, err
		}
	}
	if u.token == "" {
		return map[string]string{}, nil
	}
	return map[string]string{rpctypes.TokenFieldNameGRPC: u.token}, nil
}

// authenticate asks for a token. The caller has the turn.
func (u *user) authenticate(ctx context.Context) error {
	client, err := u.connect()
	if err != nil {
		return status.Error(codes.Unavailable, "the engine is away")
	}
	defer client.Close()
	u.refused, u.askedAt = nil, time.Now()
	answer, err := client.Authenticate(ctx, u.name, u.password)
	switch {
	case err == nil:
		u.known, u.token = true, answer.Token
		return nil
	case errors.Is(err, rpctypes.ErrAuthNotEnabled):
		u.known, u.token = true, ""
		return nil
	case errors.Is(classify(err, false), ErrAway):
		return status.Error(codes.Unavailable, "the engine is away")
	}
	// The codes of other errors of the engine may not come from here.
	u.refused = status.Error(codes.Unauthenticated, rpctypes.ErrorDesc(err))
	return u.refused
}

// notice drops a token that the engine no longer accepts. The client then repeats the
// request, which was not served.
func (u *user) notice(ctx context.Context, method string, request, answer any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	err := invoke(ctx, method, request, answer, conn, opts...)
	switch told := rpctypes.Error(err); {
	case err == nil:
	case errors.Is(told, rpctypes.ErrInvalidAuthToken), errors.Is(told, rpctypes.ErrAuthOldRevision), errors.Is(told, rpctypes.ErrUserEmpty):
		u.forget(ctx)
	}
	return err
}

func (u *user) forget(ctx context.Context) {
	select {
	case u.turn <- struct{}{}:
		u.known = false
		<-u.turn
	case <-ctx.Done():
	}
}
