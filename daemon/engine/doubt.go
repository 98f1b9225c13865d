package engine

import "time"

// tellDoubt tells the observer that saving has failed again, or works again.
func (e *Engine) tellDoubt(now time.Time) {
	told, is := e.doubts, e.unsaved.failures
	if told == is {
		return
	}
	e.doubts = is
	if o, ok := e.opt.Observer.(StateObserver); ok {
		o.ObserveState(now, e.unsaved.failing)
	}
}
