package sinktest_test

import (
	"context"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
	"github.com/vigented/vigente/sinks/sinktest"
)

// memory is a kind whose target is a variable of this process: no file, no
// mode, nothing durable.
func memory() sinks.Kind {
	return sinks.Kind{Name: "memory", Open: func(s *section.Section, env sinks.Env) sinks.Binding {
		b := sinks.Common(s, env)
		texts := []sinks.Text{sinks.ReadText(s, "text")}
		b.Sink, b.Target, b.Refs = &cell{texts: texts}, "the cell "+s.Name(), sinks.Refs(texts)
		return b
	}}
}

type cell struct {
	texts []sinks.Text
	held  credential.Secret
}

func (c *cell) Deliver(ctx context.Context, set credential.Set) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, &credential.Fault{Reason: credential.ReasonCancelled, Message: "cut short", Err: err}
	}
	values, err := sinks.Expand(c.texts, set)
	if err != nil || c.held.Equal(values[0]) {
		return false, err
	}
	c.held = values[0]
	return true, nil
}

func (c *cell) Values(set credential.Set) (map[string]credential.Secret, error) {
	values, err := sinks.Expand(c.texts, set)
	if err != nil {
		return nil, err
	}
	return sinks.ByName(c.texts, values), nil
}

func (c *cell) Inspect(_ context.Context, set credential.Set) (sinks.Finding, error) {
	want, err := c.Values(set)
	return sinks.Judge(want, []sinks.Seen{{Name: c.texts[0].Name, Value: c.held}}), err
}

func (*cell) Volatile() bool { return true }

// TestSinkThatIsNoFile: the contract of all sinks requires nothing that only
// files have.
func TestSinkThatIsNoFile(t *testing.T) {
	sinktest.Run(t, sinktest.Suite{Kind: memory(), Config: func(testing.TB) string { return "text = \"${c.token}\"" }})
}
