package exchange_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/providers/exchange"
)

func TestHTTPSURL(t *testing.T) {
	anyHost := exchange.URLOptions{PlainHTTP: true}
	optional := exchange.URLOptions{Optional: true}
	for _, c := range []struct {
		text  string
		opt   exchange.URLOptions
		fault string
	}{
		{"https://tss.example/rest/RestNewToken", exchange.URLOptions{}, ""},
		{"https://tss.example:8443", exchange.URLOptions{}, ""},
		{"HTTPS://tss.example/", exchange.URLOptions{}, ""},
		{"https://[2001:db8::1]:8443/x", exchange.URLOptions{}, ""},
		{"http://127.0.0.1:8080/x", exchange.URLOptions{}, ""},
		{"http://127.9.9.9/x", exchange.URLOptions{}, ""},
		{"http://[::1]:8080/x", exchange.URLOptions{}, ""},
		{"http://[::ffff:127.0.0.1]/x", exchange.URLOptions{}, ""},
		{"http://LOCALHOST/x", exchange.URLOptions{}, ""},
		{"http://tss.example/x", anyHost, ""},
		{"https://tss.example/x?a=b", exchange.URLOptions{Query: true}, ""},
		{"", optional, ""},
		{"", exchange.URLOptions{}, "is empty"},
		{"http://tss.example/x", exchange.URLOptions{}, "is not encrypted"},
		{"http://128.0.0.1/x", exchange.URLOptions{}, "is not encrypted"},
		{"http://localhost.example/x", exchange.URLOptions{}, "is not encrypted"},
		{"http://127.0.0.1.example/x", exchange.URLOptions{}, "is not encrypted"},
		{"http://tss.example/x", optional, "is not encrypted"},
		{"tss.example/x", exchange.URLOptions{}, "has no scheme"},
		{"tss.example:8080/x", exchange.URLOptions{}, "is not a valid URL"},
		{"//tss.example/x", exchange.URLOptions{}, "has no scheme"},
		{"ftp://tss.example/x", anyHost, "has a scheme that is not http"},
		{"https:///x", exchange.URLOptions{}, "is not a valid URL"},
		{"https://:443/x", exchange.URLOptions{}, "is not a valid URL"},
		{"https:tss.example", exchange.URLOptions{}, "is not a valid URL"},
		{"https://tss example/x", exchange.URLOptions{}, "is not a valid URL"},
		{"https://tss.example/x ", exchange.URLOptions{}, "begins or ends with a blank"},
		{" https://tss.example/x", exchange.URLOptions{}, "begins or ends with a blank"},
		{"https://tss.example/x\u200b", exchange.URLOptions{}, "holds an invisible character"},
		{"https://tss.example/x\u00a0y", exchange.URLOptions{}, "holds an invisible character"},
		{"https://tss.example:0/x", exchange.URLOptions{}, "has no valid port"},
		{"https://tss.example:70000/x", exchange.URLOptions{}, "has no valid port"},
		{"https://tss.example:/x", exchange.URLOptions{}, "has no valid port"},
		{"https://CANARY:CANARY@tss.example/x", anyHost, "contains a user name"},
		{"https://CANARY@tss.example/x", anyHost, "contains a user name"},
		{"https://tss.example/x?token=CANARY", anyHost, "contains a query"},
		{"https://tss.example/x?", anyHost, "contains a query"},
		{"https://tss.example/x#CANARY", exchange.URLOptions{Query: true}, "contains a fragment"},
		{"https://tss.example/x#", anyHost, "contains a fragment"},
		{"https://tss.example/%zzCANARY", anyHost, "is not a valid URL"},
	} {
		s, err := section.Parse("providers.x", `url = "`+c.text+`"`)
		if err != nil {
			t.Fatal(err)
		}
		u := exchange.HTTPSURL(s, "url", c.opt)
		all := ""
		for _, f := range s.Finish() {
			all += f.Key + ": " + f.Message
		}
		switch {
		case c.fault == "" && all != "", c.fault != "" && !strings.HasPrefix(all, "providers.x.url: "+c.fault):
			t.Errorf("%s: got %q, want %q", c.text, all, c.fault)
		case (u == nil) != (c.fault != "" || c.text == ""):
			t.Errorf("%s: got URL %v with faults %q", c.text, u, all)
		case strings.Contains(all, "CANARY"):
			t.Errorf("the fault quotes the value: %s", all)
		}
	}
}

func TestSameURL(t *testing.T) {
	for _, group := range [][]string{
		{"https://tss.example/rest/X", "HTTPS://TSS.example:443/rest/X/", "https://tss.example/rest/X//"},
		{"http://tss.example", "http://tss.example:80/"},
		{"http://tss.example:443"},
		{"https://tss.example:80/rest/X"},
		{"https://tss.example/rest/x"},
		{"https://[2001:db8::1]/x", "https://[2001:DB8::1]:443/x"},
	} {
		for _, a := range group {
			for _, b := range group {
				if same(t, a) != same(t, b) {
					t.Errorf("SameURL differs for %s and %s", a, b)
				}
			}
			if same(t, a) == same(t, "https://another.example") {
				t.Errorf("SameURL is equal for %s and another host", a)
			}
		}
	}
	if same(t, "http://tss.example:443") == same(t, "https://tss.example") || same(t, "https://tss.example/rest/X") == same(t, "https://tss.example/rest/x") {
		t.Error("SameURL is equal for different URLs")
	}
}

func same(t testing.TB, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return exchange.SameURL(u)
}
