// Command fosite serves OAuth 2.0 with Ory's library on a free loopback port and
// prints its address. It supports client credentials, and codes with single-use
// refresh tokens, for clients with a secret or a key. Its argument names a file
// with the public keys (JWKS) of the client that signs. Opening the page logs
// in. It exits at the end of its standard input. It is a separate module,
// because the daemon must not depend on any of this.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
	"github.com/ory/fosite/compose"
	"github.com/ory/fosite/storage"
	"golang.org/x/crypto/bcrypt"
)

// client accepts only its registered way to authenticate.
func client(id, secret, method string, grants ...string) fosite.Client {
	hash, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost)
	if err != nil {
		log.Fatal(err)
	}
	return &fosite.DefaultOpenIDConnectClient{
		DefaultClient:           &fosite.DefaultClient{ID: id, Secret: hash, GrantTypes: grants, Scopes: []string{"leitura"}},
		TokenEndpointAuthMethod: method,
	}
}

// signing is a client that signs its assertions.
func signing(id, keys string, grants ...string) fosite.Client {
	set := &jose.JSONWebKeySet{}
	data, err := os.ReadFile(keys)
	if err == nil {
		err = json.Unmarshal(data, set)
	}
	if err != nil {
		log.Fatal(err)
	}
	return &fosite.DefaultOpenIDConnectClient{
		DefaultClient:                     &fosite.DefaultClient{ID: id, GrantTypes: grants, Scopes: []string{"leitura"}},
		TokenEndpointAuthMethod:           "private_key_jwt",
		TokenEndpointAuthSigningAlgorithm: "RS256",
		JSONWebKeys:                       set,
	}
}

// coded is a client at which a person logs in.
func coded(id, secret string) fosite.Client {
	c := client(id, secret, "client_secret_basic", "authorization_code", "refresh_token").(*fosite.DefaultOpenIDConnectClient)
	c.RedirectURIs, c.ResponseTypes, c.Scopes = []string{"http://127.0.0.1/"}, []string{"code"}, []string{"offline"}
	return c
}

func main() {
	const grant, basic, body = "client_credentials", "client_secret_basic", "client_secret_post"
	config := &fosite.Config{
		AccessTokenLifespan: 77 * time.Second,
		GlobalSecret:        []byte("a key for tests, of thirty-two b"),
		ScopeStrategy:       fosite.ExactScopeStrategy,
	}
	store := storage.NewMemoryStore()
	for _, c := range []fosite.Client{
		client("3ca8a98d907543812334f7f5dbafca6505e3319fb", "00112233445566778899aabbccddeeff", basic, grant),
		client("plus", "a+b", basic, grant),
		client("percent", "50%25", basic, grant),
		client("awkward:id +%", "s3cr+et:x =%/&ok", basic, grant),
		client("beyond ASCII", "ação€", basic, grant),
		client("body id +%", "s3cr+et:x =%/&ok", body, grant),
		client("other grant", "a-b", basic, "authorization_code"),
		coded("coded", "s3cr+et:x =%/&ok"),
	} {
		store.Clients[c.GetID()] = c
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	config.TokenURL = "http://" + listener.Addr().String() + "/token"
	if len(os.Args) > 1 {
		store.Clients["signing"] = signing("signing", os.Args[1], grant)
	}
	provider := compose.Compose(config, store, &compose.CommonStrategy{CoreStrategy: compose.NewOAuth2HMACStrategy(config)},
		compose.OAuth2ClientCredentialsGrantFactory, compose.OAuth2TokenIntrospectionFactory,
		compose.OAuth2AuthorizeExplicitFactory, compose.OAuth2RefreshTokenGrantFactory, compose.OAuth2PKCEFactory)

	http.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		req, err := provider.NewAuthorizeRequest(ctx, r)
		if err != nil {
			provider.WriteAuthorizeError(ctx, w, req, err)
			return
		}
		for _, scope := range req.GetRequestedScopes() {
			req.GrantScope(scope)
		}
		resp, err := provider.NewAuthorizeResponse(ctx, req, &fosite.DefaultSession{Subject: "somebody"})
		if err != nil {
			provider.WriteAuthorizeError(ctx, w, req, err)
			return
		}
		provider.WriteAuthorizeResponse(ctx, w, req, resp)
	})

	http.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		req, err := provider.NewAccessRequest(ctx, r, &fosite.DefaultSession{})
		if err != nil {
			provider.WriteAccessError(ctx, w, req, err)
			return
		}
		resp, err := provider.NewAccessResponse(ctx, req)
		if err != nil {
			provider.WriteAccessError(ctx, w, req, err)
			return
		}
		provider.WriteAccessResponse(ctx, w, req, resp)
	})
	http.HandleFunc("POST /token/introspection", func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		resp, err := provider.NewIntrospectionRequest(ctx, r, &fosite.DefaultSession{})
		if err != nil {
			provider.WriteIntrospectionError(ctx, w, err)
			return
		}
		provider.WriteIntrospectionResponse(ctx, w, resp)
	})

	go func() { log.Fatal(http.Serve(listener, nil)) }()
	fmt.Printf("http://%s\n", listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}
