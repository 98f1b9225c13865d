package demo

import (
	"fmt"
	"strings"

	"github.com/vigented/vigente/daemon/engine"
)

// MostShops bounds the fleet of the demonstration.
const MostShops = 100_000

// fleetConfig is the fleet with a budget of its own; {life} is for how long a
// token is used.
const fleetConfig = `
[providers.shops]
type = "tss"
url = "{base}/rest/RestNewToken"
concurrency = 32

[fleets.shops]
rows = "shops.csv"
name = "{code}"

[fleets.shops.credential]
provider = "shops"
cnpj = "{cnpj}"
tipopessoa = 2
ie = "{ie}"
uf = "{uf}"
max_age = "{life}"

[fleets.shops.sinks.env]
type = "env"
path = "{dir}/shops/{code}.env"
values = { TOKEN = "${this.token}" }
`

// manyShops is how many shops can be renewed every few minutes.
const manyShops = 10_000

func fleetText(shops int) string {
	life := "5m"
	if shops > manyShops {
		life = "2h"
	}
	return strings.ReplaceAll(fleetConfig, "{life}", life)
}

// shopTable is a table of shops that exist nowhere.
func shopTable(n int) string {
	var b strings.Builder
	b.WriteString("code,cnpj,ie,uf\n")
	for i := range n {
		fmt.Fprintf(&b, "s%05d,%s,111010945111,SP\n", i+1, shopNumber(i))
	}
	return b.String()
}

// shopNumber returns a CNPJ with the right check digits.
func shopNumber(i int) string {
	number := fmt.Sprintf("%08d0001", 10_000_000+i)
	for range 2 {
		sum, weight := 0, 2
		for at := len(number) - 1; at >= 0; at-- {
			sum += int(number[at]-'0') * weight
			if weight++; weight > 9 {
				weight = 2
			}
		}
		digit := 0
		if rest := sum % 11; rest > 1 {
			digit = 11 - rest
		}
		number += fmt.Sprint(digit)
	}
	return number
}

// apart splits off what rows make, and counts it.
func apart(v engine.View) (written engine.View, summary string) {
	written = v
	written.Credentials, written.Sinks = nil, nil
	states := map[engine.State]int{}
	for _, c := range v.Credentials {
		if engine.FleetOf(c.Name) != "" {
			states[c.State]++
			continue
		}
		written.Credentials = append(written.Credentials, c)
	}
	for _, s := range v.Sinks {
		if engine.FleetOf(s.Name) == "" {
			written.Sinks = append(written.Sinks, s)
		}
	}
	var parts []string
	for _, state := range engine.CredentialStates {
		if n := states[state]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return written, strings.Join(parts, ", ")
}
