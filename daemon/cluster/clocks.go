package cluster

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// clockTrouble is how far clocks may differ before a warning. Safety does not depend on
// them, but who takes over and when does.
const clockTrouble = 5 * time.Second

// clocks compares the clock of each member of the engine with ours, by the Date header
// of its plain HTTP answer.
func (e *etcd) clocks(ctx context.Context) (warnings []string) {
	transport := &http.Transport{TLSClientConfig: e.opt.tls().Clone(), DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	for _, endpoint := range e.opt.Endpoints {
		off, known := clockOffset(ctx, transport, endpoint)
		if known && off.Abs() > clockTrouble {
			warnings = append(warnings, fmt.Sprintf("the clocks of %s and of this machine are %s apart: look at the time service of both (timedatectl)", endpoint, off.Abs().Round(time.Second)))
		}
	}
	return warnings
}

// clockOffset returns how far ahead a server's clock is; false if it does not say.
func clockOffset(ctx context.Context, transport http.RoundTripper, endpoint string) (time.Duration, bool) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(endpoint, "/")+"/version", http.NoBody)
	if err != nil {
		return 0, false
	}
	begun := time.Now()
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return 0, false
	}
	_ = answer.Body.Close()
	at, err := http.ParseTime(answer.Header.Get("Date"))
	if err != nil {
		return 0, false
	}
	ours := begun.Add(time.Since(begun) / 2)
	return at.Add(time.Second / 2).Sub(ours), true // the header drops the fraction
}
