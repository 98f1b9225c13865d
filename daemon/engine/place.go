package engine

import (
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
)

// located adds to a fault's message where the configuration keys that it names are
// set, so that readers know which file to change.
func located(f *credential.Fault, places []plan.Place) *credential.Fault {
	var found []string
	for _, key := range f.Keys {
		for _, p := range places {
			if p.Key == key || strings.HasPrefix(p.Key, key+".") {
				found = append(found, p.Table+"."+p.Key+" is in "+p.Where)
			}
		}
	}
	if len(found) == 0 {
		return f
	}
	told := *f
	told.Message = f.Error() + "; " + strings.Join(found, "; ")
	return &told
}
