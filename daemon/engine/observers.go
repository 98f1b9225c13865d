package engine

import "time"

// Observers passes everything on to several observers, in order.
type Observers []Observer

// Observe implements Observer.
func (o Observers) Observe(out Outcome) {
	for _, one := range o {
		one.Observe(out)
	}
}

// ObserveForeign implements ForeignObserver.
func (o Observers) ObserveForeign(at time.Time, sink, message string) {
	for _, one := range o {
		if f, ok := one.(ForeignObserver); ok {
			f.ObserveForeign(at, sink, message)
		}
	}
}

// ObserveState implements StateObserver.
func (o Observers) ObserveState(at time.Time, cause string) {
	for _, one := range o {
		if s, ok := one.(StateObserver); ok {
			s.ObserveState(at, cause)
		}
	}
}
