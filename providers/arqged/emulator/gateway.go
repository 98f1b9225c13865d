package emulator

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// window is one limit of the customer's budget, with the calls it has counted.
type window struct {
	most  int
	per   time.Duration
	calls []time.Time
}

// limits returns the limits in the manual.
func limits() []window {
	return []window{{most: 4, per: time.Second}, {most: 240, per: time.Minute}, {most: 2400, per: time.Hour}}
}

// gateway acts as the Azure API Management in front of the service. It reports
// whether the request may pass.
func (x *exchange) gateway() bool {
	if keys := x.set.keys(x.at); len(keys) > 0 {
		key := x.r.Header.Get("SubscriptionKey")
		if key == "" || !slices.Contains(keys, key) {
			x.mu.Lock()
			x.counts.KeysRefused++
			x.mu.Unlock()
			x.refuseKey(key == "")
			return false
		}
	}
	if x.set.Unlimited {
		return true
	}
	wait := x.count()
	if wait <= 0 {
		return true
	}
	if x.set.Silence {
		<-x.r.Context().Done()
		return false
	}
	x.throttled(wait)
	return false
}

// count adds the call to every window, or returns how long to wait.
func (x *exchange) count() (wait time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range x.buckets {
		b := &x.buckets[i]
		b.calls = slices.DeleteFunc(b.calls, func(t time.Time) bool { return x.at.Sub(t) >= b.per })
		if len(b.calls) >= b.most {
			wait = max(wait, b.calls[0].Add(b.per).Sub(x.at))
		}
	}
	if wait > 0 {
		x.counts.Throttled++
		return wait
	}
	for i := range x.buckets {
		x.buckets[i].calls = append(x.buckets[i].calls, x.at)
	}
	return 0
}

// apim writes an answer of the gateway.
func (x *exchange) apim(status int, message string) {
	x.json(status, "application/json", map[string]any{"statusCode": status, "message": message})
}

func (x *exchange) refuseKey(missing bool) {
	x.w.Header().Set("WWW-Authenticate", `AzureApiManagementKey realm="https://api-rest.arquivar.com",name="SubscriptionKey",type="header"`)
	if missing {
		x.apim(http.StatusUnauthorized, "Access denied due to missing subscription key. Make sure to include subscription key when making requests to an API.")
		return
	}
	x.apim(http.StatusUnauthorized, "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription.")
}

func (x *exchange) throttled(wait time.Duration) {
	seconds := strconv.Itoa(int(math.Ceil(wait.Seconds())))
	x.w.Header().Set("Retry-After", seconds)
	x.apim(http.StatusTooManyRequests, "Rate limit is exceeded. Try again in "+seconds+" seconds.")
}

func (x *exchange) quota() {
	x.w.Header().Set("Retry-After", "600")
	x.apim(http.StatusForbidden, "Out of call volume quota. Quota will be replenished in 00:10:00.")
}
