// Package cluster drives several machines from outside: three etcd members and
// three daemons, each in its own network namespace, and a strict backend that
// counts how often a seed is used.
//
// A short scenario runs with the other end-to-end tests; VIGENTE_CLUSTER=1, set
// by make cluster, runs everything.
package cluster

import (
	"os"
	"testing"

	"github.com/vigented/vigente/e2e/e2etest"
)

func TestMain(m *testing.M) { os.Exit(e2etest.Main(m)) }
