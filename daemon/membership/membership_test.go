package membership

import (
	"context"
	"errors"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/config"
)

// TestMachineOfItsOwn: without a cluster, nothing needs one.
func TestMachineOfItsOwn(t *testing.T) {
	m, err := New(config.Cluster{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	m.Patient()
	m.Adopt(config.Cluster{}, examplePlan())
	m.Run(t.Context())()
	m.TakeOver([]string{"a"})()
	if _, clustered := m.Status(); clustered || m.Clustered() || m.Problem() != "" {
		t.Errorf("status of a cluster is %v, clustered %v, problem %q", clustered, m.Clustered(), m.Problem())
	}
	if err := m.LeaveWhenReached(t.Context()); err == nil {
		t.Error("left a cluster that does not exist")
	}
}

// TestOneCommandAtATime: a second command of the same name is refused while the first runs.
func TestOneCommandAtATime(t *testing.T) {
	m, err := New(config.Cluster{}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	nothing := func(context.Context) error { return nil }
	ran := false
	err = m.Exclusive(t.Context(), "a", 0, func(ctx context.Context) error {
		second := m.Exclusive(ctx, "a", 0, nothing)
		if f, ok := errors.AsType[*credential.Fault](second); !ok || f.Reason != credential.ReasonInternal {
			t.Errorf("the second command: got %v, want an internal fault", second)
		}
		ran = m.Exclusive(ctx, "b", 0, nothing) == nil
		return nil
	})
	if err != nil || !ran {
		t.Errorf("first command: got %v, and one of another name ran: %v", err, ran)
	}
	if err := m.Exclusive(t.Context(), "a", 0, nothing); err != nil {
		t.Errorf("after the first has ended: got %v", err)
	}
}
