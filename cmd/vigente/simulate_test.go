package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// rehearsed is a configuration of two backends that is never run.
const rehearsed = `
[providers.vault]
type = "senhasegura"
url = "https://vault.invalid"
client_id = "id"
client_secret = { file = "secret" }
[credentials.ged]
provider = "vault"
[providers.tss]
type = "tss"
url = "http://tss.invalid/rest/RENEWTOKENTSS"
[credentials.loja]
provider = "tss"
cnpj = "11222333000181"
tipopessoa = 2
ie = "1"
uf = "SP"
`

func rehearse(t *testing.T, args string) (rehearsalReport, result) {
	t.Helper()
	w := newWorld(t)
	w.write(t, rehearsed)
	if err := os.WriteFile(filepath.Join(w.dir, "secret"), []byte("s3cret"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := w.do(t.Context(), append([]string{"simulate", "--from", "2026-03-02T10:00:00Z"}, strings.Fields(args)...)...)
	var r rehearsalReport
	if strings.Contains(args, "--json") {
		if err := json.Unmarshal([]byte(got.out), &r); err != nil {
			t.Fatalf("%v\n%+v", err, got)
		}
	}
	return r, got
}

func TestSimulateTellsWhatLapses(t *testing.T) {
	for _, c := range []struct {
		name, args string
		lapsed     map[string]float64 // by credential, the longest that is accepted
	}{
		{"nothing happens", "--for 3d", nil},
		{"a short outage", "--for 3d --outage vault=1d+10m", nil},
		{"a long outage", "--for 3d --outage vault=1d+6h", map[string]float64{"ged": 6 * 3600}},
		{"a night's sleep", "--for 2d --suspend 8h+9h", map[string]float64{"ged": 9 * 3600}},
		{"a clock set back", "--for 3d --step 1d-1h", nil},
		{"a clock set forward", "--for 3d --step 1d+1h", nil},
		{"a clock two days ahead that is put right", "--for 5d --step 1m+2d --step 1d-2d", nil},
		{"a clock that goes to and fro", "--for 2d --step 1h-1h --step 2h+1h --step 3h-1h --step 4h+1h --step 5h+5h --step 6h-5h", nil},
		{"many small steps back", "--for 2d" + strings.Repeat(" --step 10h-2m", 30), nil},
		{"tokens of ten minutes, a clock set back", "--for 1d --life vault=10m --life tss=10m --step 7h-1h --step 2026-03-02T20:00:00Z-30m", nil},
		{"a clock set back during an outage", "--for 2d --outage vault=1d+10m --step 24h5m-1h", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, got := rehearse(t, c.args+" --json")
			if got.code != 0 || len(r.Credentials) != 2 || len(r.Providers) != 2 {
				t.Fatalf("%+v", got)
			}
			if r.Lapsed != (len(c.lapsed) > 0) {
				t.Errorf("lapsed: %v\n%s", r.Lapsed, got.out)
			}
			for _, one := range r.Credentials {
				total := 0.0
				for _, l := range one.Lapses {
					total += l.Seconds
				}
				if most := c.lapsed[one.Name]; total > most || most > 0 && total < most-3600 {
					t.Errorf("%s lapsed for %v s, want up to %v s: %+v", one.Name, total, most, one.Lapses)
				}
			}
		})
	}
}

// TestAStepOfTheClockCostsAtMostOneCall compares with the same days without.
func TestAStepOfTheClockCostsAtMostOneCall(t *testing.T) {
	calls := func(args string) map[string]int {
		r, _ := rehearse(t, "--for 4d --json "+args)
		out := map[string]int{}
		for _, p := range r.Providers {
			out[p.Name] = p.Calls
			sum := 0
			for _, n := range p.CallsPerDay {
				sum += n
			}
			if sum != p.Calls || len(p.CallsPerDay) != 4 {
				t.Errorf("%s: %d calls, %v a day", p.Name, p.Calls, p.CallsPerDay)
			}
		}
		return out
	}
	quiet := calls("")
	for _, args := range []string{"--step 30h-1h", "--step 30h+1h", "--step 30h-2d", "--step 30h+2d", "--step 0s+2d --step 10m-2d", "--suspend 30h+8h"} {
		for provider, n := range calls(args) {
			if n > quiet[provider]+1 && !(strings.Count(args, "--step") == 2 && n <= quiet[provider]+2) {
				t.Errorf("%s: %d calls of %s, %d without", args, n, provider, quiet[provider])
			}
		}
	}
}

func TestSimulateForPeople(t *testing.T) {
	_, got := rehearse(t, "--for 2d --outage vault=1d+6h")
	for _, want := range []string{"LAPSED  ged for 5h", "1 of 2 credentials never lapsed", "provider vault: ", "a day and 1 within a minute"} {
		if !strings.Contains(got.out, want) {
			t.Errorf("no %q in:\n%s", want, got.out)
		}
	}
}

func TestSimulateRefusesWhatItCannotRead(t *testing.T) {
	for args, want := range map[string]string{
		"--step 2d":             `--step "2d"`,
		"--step x-1h":           `--step "x-1h"`,
		"--step 2d-x":           `--step "2d-x"`,
		"--suspend 2d-1h":       `--suspend "2d-1h"`,
		"--suspend 2d+0s":       `--suspend "2d+0s"`,
		"--outage nobody=1h+1h": `there is no provider "nobody" in the configuration (expected one of tss, vault)`,
		"--life nobody=1h":      `there is no provider "nobody"`,
		"--outage vault=-1h+2h": `--outage "vault=-1h+2h"`,
		"--suspend -1h+2h":      `--suspend "-1h+2h"`,
		"--outage vault=1h":     `--outage "vault=1h"`,
		"--life vault=0s":       `--life "vault=0s"`,
		"--for 0s":              `--for "0s"`,
		"--from yesterday":      `--from "yesterday"`,
	} {
		if _, got := rehearse(t, args); got.code != 2 || !strings.Contains(got.err, want) {
			t.Errorf("%s: %d %q", args, got.code, got.err)
		}
	}
}
