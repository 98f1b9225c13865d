package doctor

import (
	"context"

	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/internal/process"
)

// notices checks the commands of on_failure, the daemon's and those of credentials.
// A command that many credentials have is checked once.
func (e *examination) notices() {
	checked := map[string]bool{}
	look := func(name string, on *plan.OnFailure) {
		if on == nil || len(on.Command) == 0 || checked[on.Command[0]] {
			return
		}
		program := on.Command[0]
		checked[program] = true
		e.check(name, "its command exists", func(context.Context) error { return e.hook(process.Check(program)) })
	}
	look("on_failure", (*plan.OnFailure)(e.loaded.Config.Daemon.OnFailure))
	for _, c := range e.plan.Credentials {
		look("on_failure "+c.Name, c.OnFailure)
	}
}
