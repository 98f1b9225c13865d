// Package house_test enforces the rules of the repository: which package may
// import which, who may read the clock or start a goroutine, and that
// everything the documents promise exists.
package house_test

import (
	"os"
	"testing"
)

// TestMain runs the tests in the module root, because they read its files.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
