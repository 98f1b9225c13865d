package engine

import "time"

// tellSaveState tells the observer that saving has failed again, or works again.
func (e *Engine) tellSaveState(now time.Time) {
	told, is := e.toldFailures, e.unsaved.failures
	if told == is {
		return
	}
	e.toldFailures = is
	if o, ok := e.opt.Observer.(StateObserver); ok {
		o.ObserveState(now, e.unsaved.failing)
	}
}
