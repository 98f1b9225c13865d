package needs

import (
	"fmt"
	"os"
	"sync/atomic"
)

// ports counts the addresses that Port returned.
var ports atomic.Uint32

// Port returns a loopback address for a program that must be told where to listen.
// No other test process gets it, and no listener on port 0 of the usual address can
// take it, not even while the program is down for a moment: the host part is made
// of the process number, and the port lies below those that the kernel hands out.
func Port() string {
	pid := os.Getpid() // at most 22 bits
	return fmt.Sprintf("127.%d.%d.%d:%d", 64|pid>>16&63, pid>>8&255, pid&255, 10000+ports.Add(1)%20000)
}
