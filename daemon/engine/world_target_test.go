package engine

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/vigented/vigente/credential"
)

// target is a place that shows credentials, and what its hook has seen of it.
type target struct {
	luck    luck
	shows   string            // the content
	changed int               // how often the content changed
	seen    int               // the change that the hook last acted on
	hooked  bool              // the hook was there at the last change
	at      time.Duration     // of the last change
	excused bool              // the change may be forgotten: it could not be saved
	order   map[string]uint64 // generations shown
}

// door is the daemon's side of a target.
type door struct {
	w    *world
	n    sinkNature
	slot int
}

// content returns what a target holds for a set.
func content(set credential.Set) string {
	var b strings.Builder
	for _, name := range set.Names() {
		c := set[name]
		b.WriteString(name)
		b.WriteByte('=')
		b.WriteString(c.Values["token"].Reveal())
		b.WriteByte(',')
		b.WriteString(c.Values["check"].Reveal())
		b.WriteByte(',')
		b.WriteString(strconv.FormatUint(c.Generation, 10))
		b.WriteByte(',')
		b.WriteString(strconv.FormatInt(c.ExpiresAt.UnixNano(), 36))
		b.WriteByte('\n')
	}
	return b.String()
}

// Preflight implements credential.Preflighter.
func (d *door) Preflight(context.Context) error {
	if d.w.step() {
		return errDead
	}
	if t := d.w.trouble(atSink, d.slot); t != nil && (t.how == refusing || t.how == broken) {
		return failure(credential.ReasonInternal, false)
	}
	return nil
}

// Deliver implements credential.Sink.
func (d *door) Deliver(_ context.Context, set credential.Set) (bool, error) {
	w := d.w
	if w.step() {
		return false, errDead
	}
	t := w.target(d.n.name)
	if w.pass(t.luck.upTo(20 * time.Millisecond)) {
		return false, errDead
	}
	trouble := w.trouble(atSink, d.slot)
	if trouble != nil {
		switch trouble.how {
		case broken, refusing:
			return false, failure(credential.ReasonInternal, false)
		case hanging:
			if w.pass(trouble.to - w.now) {
				return false, errDead
			}
		case panicking:
			if t.luck.n(2) == 0 {
				panic("before the write")
			}
		default: // the others change nothing here
		}
	}
	text := content(set)
	changed := text != t.shows
	w.laws.shown(d, t, set, changed)
	if changed {
		t.shows = text
		t.changed++
		t.hooked, t.excused, t.at = d.n.hook, false, w.now
		if d.n.hook && w.disk.raised[d.n.name] {
			t.excused = true
		}
	}
	if trouble != nil && (trouble.how == panicking || trouble.how == lost) {
		panic("after the write")
	}
	if w.step() {
		return false, errDead
	}
	return changed, nil
}

// bell is a hook.
type bell struct {
	w    *world
	name string
	slot int
}

// Run implements credential.Hook.
func (b *bell) Run(context.Context, []string) error {
	w := b.w
	if w.step() {
		return errDead
	}
	t := w.target(b.name)
	at := t.changed
	if w.pass(t.luck.upTo(2 * time.Second)) {
		return errDead
	}
	if trouble := w.trouble(atHook, b.slot); trouble != nil {
		switch trouble.how {
		case panicking:
			panic("in a hook")
		case hanging:
			if w.pass(trouble.to - w.now) {
				return errDead
			}
		default:
			return failure(credential.ReasonTimeout, false)
		}
	}
	t.seen = max(t.seen, at)
	if w.step() {
		return errDead
	}
	return nil
}
