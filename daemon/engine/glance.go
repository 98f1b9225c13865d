package engine

import (
	"context"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// A start looks at every target that was delivered before, and almost all of them are
// in order. An attempt for each would cost far more than the look itself. So the
// targets of one device are looked at in groups, and attempts are made only for those
// that are not plainly in place.

const (
	glancedTogether = 64          // sinks in a group
	glanceTime      = time.Second // a group on a slow device ends early after this
)

// glances are the sinks to be looked at in groups. The loop owns it.
type glances struct {
	left     map[string][]*sink // by device
	byDevice map[string]int     // running groups
	running  int                // in all
}

func (g *glances) add(s *sink) {
	if g.left == nil {
		g.left, g.byDevice = map[string][]*sink{}, map[string]int{}
	}
	g.left[s.spec.Device] = append(g.left[s.spec.Device], s)
}

// any reports whether any sink is still to be looked at.
func (g *glances) any() bool { return g.running > 0 || len(g.left) > 0 }

// glance is one group.
type glance struct {
	device string
	sinks  []glanced
	read   func() reading
	// inPlace has an answer for each sink that was looked at, in their order.
	inPlace []bool
}

// glanced is one sink of a group as it is when the look begins.
type glanced struct {
	sink   *sink
	spec   *plan.Sink
	record *schedule.Packed
	tokens credential.Set
}

// startGlances returns the groups to look at now.
func (e *Engine) startGlances(now time.Time) (todo []work) {
	g := &e.glances
	if len(g.left) == 0 || e.stopping {
		return nil
	}
	for device := range g.left {
		for g.byDevice[device] < sinksOnADevice && len(g.left[device]) > 0 {
			if group := e.nextGlance(device, now); len(group.sinks) > 0 {
				g.running++
				g.byDevice[device]++
				todo = append(todo, work{glance: group})
			}
		}
		if len(g.left[device]) == 0 {
			delete(g.left, device)
		}
	}
	return todo
}

// nextGlance takes a group from the sinks of a device. Those that are written or were
// never written are left out: see lookAtSuspects.
func (e *Engine) nextGlance(device string, now time.Time) *glance {
	group := &glance{device: device, read: e.reads.all}
	for left := e.glances.left[device]; len(left) > 0 && len(group.sinks) < glancedTogether; {
		last := len(left) - 1
		s := left[last]
		left[last] = nil
		left = left[:last]
		e.glances.left[device] = left
		if e.sinks[s.spec.Name] != s {
			continue // it was removed
		}
		record, due := e.board.Settled(s.spec.Name)
		switch {
		case due:
			continue
		case record == nil:
			e.suspects.plan(s, now)
			continue
		}
		tokens := make(credential.Set, len(s.spec.Needs))
		for _, name := range s.spec.Needs {
			tokens[name], _ = e.board.Token(name)
		}
		group.sinks = append(group.sinks, glanced{s, s.spec, record, tokens})
	}
	return group
}

// look looks at the targets of a group.
func (g *glance) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, deliverTimeout)
	defer cancel()
	first := g.sinks[0].spec.Guard.(plan.Glancer) //nolint:forcetypeassert // checked by begin
	var inPlace []bool
	err := first.OnDevice(ctx, func(ctx context.Context) {
		answers := make([]bool, 0, len(g.sinks))
		begun := g.read().awake
		for _, one := range g.sinks {
			if len(answers) > 0 && (ctx.Err() != nil || g.read().awake-begun > glanceTime) {
				break
			}
			answers = append(answers, one.inPlace())
		}
		inPlace = answers
	})
	if err != nil {
		return err // the look may still run
	}
	g.inPlace = inPlace
	return nil
}

// inPlace reports whether the target is plainly in place. A panic of its kind counts
// as not: the attempt that follows contains and reports it.
func (g *glanced) inPlace() (is bool) {
	defer func() {
		if recover() != nil {
			is = false
		}
	}()
	guard, ok := g.spec.Guard.(plan.Glancer)
	return ok && guard.InPlace(g.tokens)
}

// foldGlance processes the end of a group. After an error every sink of the device is
// checked by attempts of its own, which tell what is wrong.
func (e *Engine) foldGlance(g *glance, err error) {
	all := &e.glances
	all.running--
	all.byDevice[g.device]--
	now := e.now()
	if err != nil {
		for _, s := range all.left[g.device] {
			e.suspects.plan(s, now)
		}
		delete(all.left, g.device)
	}
	for i := range g.sinks {
		one := &g.sinks[i]
		s := one.sink
		switch {
		case e.sinks[one.spec.Name] != s || s.seen: // removed, or written meanwhile
		case err == nil && i >= len(g.inPlace):
			all.add(s)
		case err == nil && g.inPlace[i] && e.isAs(one):
			s.seen, s.foreign, s.lost, s.refused = true, nil, false, nil
			e.updateSinkRow(s, func(*sinkRow) {}, now)
			e.model.dirty = true
		default:
			e.suspects.plan(s, now)
		}
	}
}

// isAs reports whether the sink is still as it was when the look began.
func (e *Engine) isAs(g *glanced) bool {
	record, _ := e.board.Settled(g.spec.Name)
	return record == g.record && g.sink.spec == g.spec
}
