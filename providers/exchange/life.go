package exchange

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxLife is the longest lifetime accepted.
const maxLife = 100 * 365 * 24 * time.Hour

// lastSecond is the end of the year 9999, the last that RFC 3339 can express.
const lastSecond = 253402300799

// ParseLife parses an expires_in in seconds, as leniently as backends require:
// a number, possibly with a fraction or an exponent, or the same in quotes. It
// returns false if the value is absent, null or not a number. More than a
// hundred years is clamped to a hundred years. Zero and negative values are
// returned as they are: the token has already expired.
func ParseLife(raw json.RawMessage) (time.Duration, bool) { return ParseLifeIn(time.Second, raw) }

// ParseLifeIn is ParseLife for a number of other units.
func ParseLifeIn(unit time.Duration, raw json.RawMessage) (time.Duration, bool) {
	units, ok := parseNumber(raw)
	seconds := units * unit.Seconds()
	seconds = max(-maxLife.Seconds(), min(maxLife.Seconds(), seconds))
	return time.Duration(seconds * float64(time.Second)), ok
}

// parseNumber parses a JSON number, or a string that contains one. A number too
// large for a float64 becomes infinite.
func parseNumber(raw json.RawMessage) (float64, bool) {
	text := strings.TrimSpace(string(raw))
	if strings.HasPrefix(text, `"`) {
		if json.Unmarshal(raw, &text) != nil {
			return 0, false
		}
		text = strings.TrimSpace(text)
	}
	if text == "" || strings.Trim(text, "0123456789.eE+-") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil || math.IsInf(n, 0)
}

// JWTExpiry returns the exp claim if the token is a JWT. It verifies nothing:
// the result is a hint, for backends that state nothing better.
func JWTExpiry(token string) (time.Time, bool) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}, false
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}, false
	}
	var claims struct {
		Exp json.RawMessage `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return time.Time{}, false
	}
	seconds, ok := parseNumber(claims.Exp)
	if !ok || !(seconds > 0) {
		return time.Time{}, false
	}
	return time.Unix(int64(min(seconds, lastSecond)), 0).UTC(), true
}
