package web

import (
	"time"

	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/view"
	"github.com/vigented/vigente/daemon/view/viewtest"
)

var at = viewtest.At

// canary stands where a secret could be by mistake; no view holds one.
const canary = "c4n4ry"

var config = view.Config{Hash: "0123456789abcdef0123456789abcdef", LoadedAt: at.Add(-24 * time.Hour)}

// fakeBackend answers with what it holds.
type fakeBackend struct {
	view            engine.View
	config          view.Config
	starting, stuck bool
}

func (f *fakeBackend) Alive() bool                       { return !f.starting && !f.stuck }
func (f *fakeBackend) Begun() bool                       { return !f.starting }
func (f *fakeBackend) Select(q engine.Query) engine.View { return q.Of(f.view) }
func (f *fakeBackend) Summary() engine.Summary           { return engine.Summarize(f.view) }
func (f *fakeBackend) Config() view.Config               { return f.config }
