package exchange

import (
	"context"
	"net/http"

	"github.com/vigented/vigente/credential"
)

// Ask makes one exchange and calls classify, which returns nil for a success
// and a fault otherwise. classify must be a pure function of the answer. Ask
// then applies the rules that hold for every backend:
//
//   - A redirect is never followed and is bad_response (except a 304).
//   - A 429 is throttled, whatever its body says.
//   - A 407 comes from a proxy and is network.
//   - An HTML page never parks.
//   - Retry-After counts on every answer that is not a success: for the whole
//     provider with 429 and 5xx, for this credential with any other status.
//
// The error is a *credential.Fault. The answer is returned along with it, or
// nil if none arrived.
func (c *Client) Ask(ctx context.Context, req *http.Request, classify func(*Answer) *credential.Fault) (*Answer, error) {
	a, err := c.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	if f := c.applyRules(a, classify(a)); f != nil {
		return a, f
	}
	return a, nil
}

// applyRules applies the rules of Ask to the result of classify.
func (c *Client) applyRules(a *Answer, f *credential.Fault) *credential.Fault {
	switch {
	case a.Redirect() && (f == nil || f.Reason != credential.ReasonBadResponse),
		a.Status == http.StatusProxyAuthRequired && (f == nil || f.Reason != credential.ReasonNetwork),
		a.Status == http.StatusTooManyRequests && !c.opt.OwnThrottling && (f == nil || f.Reason != credential.ReasonThrottled):
		f = StatusFault(a)
	case f != nil && f.Reason.Parks() && a.HTML():
		f = HTMLFault(a)
	}
	if f == nil {
		return nil
	}
	asked := a.RetryAfter(a.ReceivedAt)
	if asked.IsZero() && a.Status == http.StatusTooManyRequests {
		asked = a.RateLimitReset(a.ReceivedAt)
	}
	if asked.After(f.RetryAfter) {
		f.RetryAfter = asked
		f.RetryAlone = a.Status != http.StatusTooManyRequests && a.Status < http.StatusInternalServerError
	}
	return f
}

// Answers checks that something answers a request that asks for nothing, whatever it
// says, and that it is not the proxy: that one answers for a backend that it does not
// reach as well.
func (c *Client) Answers(ctx context.Context, req *http.Request) error {
	a, err := c.Do(ctx, req)
	switch {
	case err != nil:
		return err
	case a.Status == http.StatusProxyAuthRequired, a.Proxy != "" && a.Status >= http.StatusInternalServerError:
		return StatusFault(a)
	case a.Proxy != "" && a.HTML() && (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden):
		return HTMLFault(a)
	}
	return nil
}

// Reach checks that a service answers at target, with a request without
// credentials. Almost any answer shows that name, TLS and service work; only a
// login page, an HTML refusal, a redirect and a 5xx do not.
func (c *Client) Reach(ctx context.Context, target string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return BrokenRequest(err)
	}
	_, err = c.Ask(ctx, req, func(a *Answer) *credential.Fault {
		switch {
		case a.HTML() && (a.OK() || a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden):
			return HTMLFault(a)
		case a.Status >= http.StatusInternalServerError:
			return StatusFault(a)
		}
		return nil
	})
	return err
}
