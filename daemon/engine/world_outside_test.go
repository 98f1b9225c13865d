package engine

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

// errDead is what a killed daemon would see, if it saw anything.
var errDead = errors.New("killed")

// disk is the state that survives a crash.
type disk struct {
	records   map[schedule.Key]schedule.Record
	providers map[string]schedule.ProviderRecord
	raised    map[string]bool // sinks whose last record could not be saved
}

func (d *disk) memory() schedule.Memory {
	return schedule.Memory{Records: maps.Clone(d.records), Providers: maps.Clone(d.providers)}
}

// delay returns how long one write takes on a slow disk.
func (d *disk) delay(now, most time.Duration) time.Duration {
	l := luck(now)
	return l.upTo(most)
}

// errDisk is the error of a failing disk.
var errDisk = errors.New("no space left on device")

// drive is the daemon's side of the disk.
type drive struct{ w *world }

// write makes one write, or fails.
func (d drive) write(apply func()) error {
	w := d.w
	if w.step() {
		return errDead
	}
	trouble := w.trouble(atDisk, 0)
	if trouble != nil && trouble.how == slow && w.pass(w.disk.delay(w.now, trouble.span)) {
		return errDead
	}
	var err error
	if trouble != nil && trouble.how != slow {
		err = errDisk
	}
	if err == nil || trouble.how == torn {
		apply()
	}
	if w.step() {
		return errDead
	}
	return err
}

// Save implements records.
func (d drive) Save(_ context.Context, key schedule.Key, r schedule.Record) error {
	w := d.w
	err := d.write(func() {
		w.laws.saved(key, r)
		w.disk.records[key] = r
	})
	if err != errDead {
		w.laws.told(key, r)
		if key.Kind == schedule.Delivering {
			w.disk.raised[key.Name] = err != nil
		}
	}
	return err
}

// SaveProvider implements records.
func (d drive) SaveProvider(_ context.Context, name string, r schedule.ProviderRecord) error {
	return d.write(func() { d.w.disk.providers[name] = r })
}

// Delete implements records.
func (d drive) Delete(_ context.Context, key schedule.Key) error {
	return d.write(func() { delete(d.w.disk.records, key) })
}

// plan makes the engine's plan of the configuration.
func (w *world) plan() *plan.Plan {
	specs := &plan.Plan{}
	for i := range w.nature.providers {
		p := &w.nature.providers[i]
		specs.Providers = append(specs.Providers, plan.Provider{Name: p.name, Type: "world", Rates: p.rates, Concurrency: p.concurrency})
	}
	for i := range w.nature.plan.credentials {
		n := w.nature.plan.credentials[i]
		p := w.providerOf(&n)
		specs.Credentials = append(specs.Credentials, plan.Credential{
			Name: n.name, Provider: p.name, Common: &plan.Common{Type: "world", Policy: n.policy, Fields: []string{"token"}}, Identity: n.identity, Inputs: strconv.Itoa(n.inputs),
			Needs: n.needs, Source: &source{w, &n, p},
		})
	}
	for _, n := range w.nature.plan.sinks {
		slot, _ := strconv.Atoi(n.name[1:])
		s := plan.Sink{Name: n.name, Type: "world", Path: "/" + n.name, Needs: slices.Clone(n.needs), Target: strconv.Itoa(n.target) + strings.Join(n.needs, " "), Sink: &door{w, n, slot}}
		if n.hook {
			s.Hook = &bell{w, n.name, slot}
		}
		specs.Sinks = append(specs.Sinks, s)
	}
	return specs
}

func (w *world) providerOf(n *credentialNature) *providerNature {
	return &w.nature.providers[n.provider]
}

// account returns the server's side of a credential.
func (w *world) account(n *credentialNature, p *providerNature) *account {
	key := p.name + "/" + n.identity
	a := w.accounts[key]
	if a == nil {
		a = &account{provider: p, luck: luckOf(w.nature.seed, key), older: map[string]time.Duration{}, spent: map[string]bool{}, refuses: map[string]bool{}, lies: map[string]bool{}}
		w.accounts[key] = a
	}
	return a
}

// target returns the outside of a sink.
func (w *world) target(name string) *target {
	t := w.targets[name]
	if t == nil {
		t = &target{luck: luckOf(w.nature.seed, name), order: map[string]uint64{}}
		w.targets[name] = t
	}
	return t
}

// trouble returns the current failure of a place, or nil.
func (w *world) trouble(where spot, of int) *window {
	for i := range w.nature.troubles {
		t := &w.nature.troubles[i]
		if t.where == where && (t.of == of || where == atDisk) && t.from <= w.now && w.now < t.to {
			return t
		}
	}
	return nil
}
