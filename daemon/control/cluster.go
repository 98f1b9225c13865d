package control

import (
	"context"
	"net/http"

	"github.com/vigented/vigente/daemon/cluster"
)

func (h handler) cluster(w http.ResponseWriter, _ *http.Request) {
	s, ok := h.backend.Cluster()
	if !ok {
		refuse(w, Problem{Code: CodeFailed, Message: "this machine is not in a cluster (its configuration has no [cluster])"})
		return
	}
	answer(w, s)
}

func (h handler) leave(w http.ResponseWriter, r *http.Request) {
	var ask struct{}
	if !decode(w, r, &ask) {
		return
	}
	h.audit(r, "cluster leave requested")
	if err := h.backend.LeaveCluster(r.Context()); err != nil {
		refuse(w, Problem{Code: CodeFailed, Message: err.Error()})
		return
	}
	answer(w, struct{}{})
}

// Cluster returns the machines of the cluster.
func (c *Client) Cluster(ctx context.Context) (s cluster.Status, err error) {
	err = c.ask(ctx, http.MethodGet, pathCluster, nil, &s)
	return s, err
}

// LeaveCluster takes all credentials back to the daemon's machine.
func (c *Client) LeaveCluster(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, pathLeave, struct{}{}, nil)
}
