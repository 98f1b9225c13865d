package exchange

import (
	"encoding/base64"
	"encoding/json"
	"testing"
	"time"
)

func TestParseLife(t *testing.T) {
	for _, c := range []struct {
		raw  string
		want time.Duration
		ok   bool
	}{
		{`3600`, time.Hour, true},
		{`"3600"`, time.Hour, true},
		{`" 3600 "`, time.Hour, true},
		{`3599.5`, 3599500 * time.Millisecond, true},
		{`3.6e3`, time.Hour, true},
		{`"3600.0"`, time.Hour, true},
		{`0`, 0, true},
		{`-10`, -10 * time.Second, true},
		{`1e400`, maxLife, true},
		{`-1e400`, -maxLife, true},
		{`99999999999999999999`, maxLife, true},
		{`3153600000`, maxLife, true},
		{`3153600001`, maxLife, true},
		{``, 0, false},
		{`null`, 0, false},
		{`""`, 0, false},
		{`"soon"`, 0, false},
		{`"1h"`, 0, false},
		{`true`, 0, false},
		{`[3600]`, 0, false},
		{`{"a":1}`, 0, false},
		{`"\u00`, 0, false},
		{`"NaN"`, 0, false},
		{`"inf"`, 0, false},
		{`"0x10"`, 0, false},
		{`"1_000"`, 0, false},
		{`"1-1"`, 0, false},
	} {
		got, ok := ParseLife(json.RawMessage(c.raw))
		if got != c.want || ok != c.ok {
			t.Errorf("ParseLife(%s) = %v, %v, want %v, %v", c.raw, got, ok, c.want, c.ok)
		}
	}
	if _, ok := ParseLife(nil); ok {
		t.Error("ParseLife(nil) reports a lifetime")
	}
}

func TestJWTExpiry(t *testing.T) {
	token := func(claims string) string {
		return "eyJhbGciOiJSUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln"
	}
	for _, c := range []struct {
		token string
		want  int64 // 0 for none
	}{
		{token(`{"exp":1580440198}`), 1580440198},
		{token(`{"exp":"1580440198"}`), 1580440198},
		{token(`{"exp":1580440198.7}`), 1580440198},
		{token(`{"exp":1e300}`), lastSecond},
		{token(`{"exp":0}`), 0},
		{token(`{"exp":-5}`), 0},
		{token(`{"exp":null}`), 0},
		{token(`{}`), 0},
		{token(`[]`), 0},
		{token(`{"exp":1580440198}`) + ".more", 0},
		{"e30." + base64.URLEncoding.EncodeToString([]byte(`{"exp":1580440198} `)) + ".c", 1580440198},
		{"a.!.c", 0},
		{"opaque", 0},
		{"", 0},
	} {
		got, ok := JWTExpiry(c.token)
		if ok != (c.want != 0) || ok && got.Unix() != c.want {
			t.Errorf("JWTExpiry(%q) = %v, %v, want %d", c.token, got, ok, c.want)
		}
	}
}

func FuzzLife(f *testing.F) {
	for _, s := range []string{`3600`, `"3600"`, `null`, `-1e9`, `1e999`, `"`, `00`, `1e`, `.`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := ParseLife(json.RawMessage(s))
		if !ok && d != 0 || d > maxLife || d < -maxLife {
			t.Errorf("ParseLife(%q) = %v, %v", s, d, ok)
		}
		at, ok := JWTExpiry("a." + base64.RawURLEncoding.EncodeToString([]byte(`{"exp":`+s+`}`)) + ".c")
		if _, err := at.MarshalJSON(); ok && err != nil {
			t.Errorf("exp %q: cannot marshal the expiry: %v", s, err)
		}
	})
}
