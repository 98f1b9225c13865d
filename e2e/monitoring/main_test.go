package monitoring

import (
	"os"
	"testing"

	"github.com/vigented/vigente/e2e/e2etest"
)

func TestMain(m *testing.M) { os.Exit(e2etest.Main(m)) }
