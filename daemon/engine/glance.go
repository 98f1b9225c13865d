package engine

import (
	"context"
	"time"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// A start looks at every target that was delivered before, and a look follows each
// delivery and each event in a folder. Almost always the target is in order, and an
// attempt would cost far more than the look itself. So targets of one device are looked
// at in groups, and attempts are made only for those that are not plainly in place.

const (
	glancedTogether = 64          // sinks in a group
	glanceTime      = time.Second // a group on a slow device ends early after this
)

// glanceQueue holds the sinks to be looked at in groups. The loop owns it.
type glanceQueue struct {
	left     map[string][]*sink // by device
	byDevice map[string]int     // running groups
	running  int                // in all
}

// glances reports whether the target of a sink can be looked at together with others.
func glances(s *sink) bool {
	_, ok := s.spec.Guard.(plan.Glancer)
	return ok && s.spec.Device != ""
}

func (g *glanceQueue) add(s *sink) {
	s.glancing = true
	if g.left == nil {
		g.left, g.byDevice = map[string][]*sink{}, map[string]int{}
	}
	g.left[s.spec.Device] = append(g.left[s.spec.Device], s)
}

// any reports whether any sink is still to be looked at.
func (g *glanceQueue) any() bool { return g.running > 0 || len(g.left) > 0 }

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

// nextGlance takes a group from the sinks of a device. Those that do not hold what was
// last delivered are left out: see inspectLater.
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
		record := e.board.Settled(s.spec.Name)
		if record == nil {
			e.endGlance(now, s, false)
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
	first := g.sinks[0].spec.Guard.(plan.Glancer) //nolint:forcetypeassert // checked by glances
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
		left := all.left[g.device]
		delete(all.left, g.device)
		for _, s := range left {
			e.endGlance(now, s, false)
		}
	}
	for i := range g.sinks {
		switch one := &g.sinks[i]; {
		case err == nil && i >= len(g.inPlace):
			all.add(one.sink)
		default:
			e.endGlance(now, one.sink, err == nil && g.inPlace[i] && e.isAs(one))
		}
	}
}

// endGlance ends the look at a sink. Unless its target is in place, an attempt follows.
func (e *Engine) endGlance(now time.Time, s *sink, inPlace bool) {
	s.glancing = false
	switch {
	case e.sinks[s.spec.Name] != s: // it was removed
		return
	case !inPlace:
		e.inspectLater(now, s)
		return
	case !s.seen || s.foreign != nil || s.lost || s.refused != nil:
		s.seen, s.foreign, s.lost, s.refused = true, nil, false, nil
		e.updateSinkRow(s, func(*sinkRow) {}, now)
		e.model.dirty = true
	}
	if s.again {
		s.again = false
		e.suspect(s.spec.Name)
	}
}

// isAs reports whether the sink is still as it was when the look began.
func (e *Engine) isAs(g *glanced) bool {
	return e.board.Settled(g.spec.Name) == g.record && g.sink.spec == g.spec
}
