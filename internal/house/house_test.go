// Package house_test holds the house to its plan: which package may know which
// other one, who may read the clock or start a goroutine, and that what the
// papers promise is there.
package house_test

import (
	"os"
	"testing"
)

// TestMain runs the tests at the root of the module, whose files they read.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
