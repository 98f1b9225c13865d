// Package cluster drives several machines from outside: three members of etcd
// and three daemons, each in a network of its own, and a strict backend that
// counts how often a seed is shown.
//
// A short walk runs with the other end-to-end tests; VIGENTE_CLUSTER=1, which
// make cluster sets, runs everything.
package cluster

import (
	"os"
	"testing"

	"github.com/vigented/vigente/e2e/e2etest"
)

func TestMain(m *testing.M) { os.Exit(e2etest.Main(m)) }
