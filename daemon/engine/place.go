package engine

import (
	"strings"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/plan"
)

// located returns the fault with the places of the keys that it names added to
// its message, so that whoever reads it knows which file to change.
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
