package load

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/internal/section"
)

// limitCertificate is the kind of a limit that is the end of our own certificate.
const limitCertificate = "certificate"

// soon is how long ahead the end of a certificate is worth a warning.
const soon = 30 * 24 * time.Hour

// checkEnds takes a certificate that has ended for one that is missing: no
// backend takes it, and another file in its place is what helps.
func (a *assembly) checkEnds(o *boundCredential) {
	if a.opt.Now == nil {
		return
	}
	now := a.opt.Now()
	for _, l := range o.binding.Limits {
		if l.Kind != limitCertificate {
			continue
		}
		place := certificateOf(slices.Concat(o.places, o.provider.places))
		switch {
		case !l.EndsAt.After(now):
			o.missing = append(o.missing, section.Fault{
				File: o.section.Source(), Line: o.section.Line(), Key: place.Table + "." + place.Key, Path: place.Where,
				Message: fmt.Sprintf("the certificate in %s ended on %s (expected one in force in its place)", place.Where, l.EndsAt.UTC().Format(time.DateOnly)),
			})
		case l.EndsAt.Sub(now) < soon:
			line := fmt.Sprintf("%s.%s: the certificate in %s ends on %s", place.Table, place.Key, place.Where, l.EndsAt.UTC().Format(time.DateOnly))
			if !slices.Contains(a.ending, line) {
				a.ending = append(a.ending, line)
			}
		}
	}
}

// certificateOf finds where a certificate stands.
func certificateOf(places []plan.Place) plan.Place {
	for _, p := range places {
		if strings.Contains(p.Key, "certificate") {
			return p
		}
	}
	return plan.Place{Table: "tls", Key: "certificate", Where: "its file"}
}

// EndingSoon tells, a line each, which certificates end within a month.
func (d *Loaded) EndingSoon() []string { return d.ending }
