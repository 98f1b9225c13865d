package exchange

import (
	"context"
	"net/http"

	"github.com/vigented/vigente/credential"
)

// Ask makes one exchange and lets judge say what the answer is: nil for a
// success, else its fault. Judge is a pure function of the answer. What holds
// for every backend is applied to its verdict here, once for all kinds:
//
//   - a redirect is never followed and is bad_response (304 is none);
//   - a 429 is throttled, whatever its body says;
//   - a 407 comes from a proxy on the way and is network;
//   - a page for people never parks;
//   - a Retry-After counts on every answer that is not a success, for the whole
//     provider with 429 and 5xx, for this credential with any other status.
//
// The error is a *credential.Fault. The answer is returned beside it, and is nil
// when none arrived.
func (c *Client) Ask(ctx context.Context, req *http.Request, judge func(*Answer) *credential.Fault) (*Answer, error) {
	a, err := c.Do(ctx, req)
	if err != nil {
		return nil, err
	}
	if f := c.settle(a, judge(a)); f != nil {
		return a, f
	}
	return a, nil
}

// settle applies the rules of Ask to a verdict.
func (c *Client) settle(a *Answer, f *credential.Fault) *credential.Fault {
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

// Reach tells whether a service answers at target, to a request without
// credentials. Whatever it says to that shows name, TLS and a service behind
// them; only a page that lets in or refuses, a redirect and a service that is
// out of order do not.
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
