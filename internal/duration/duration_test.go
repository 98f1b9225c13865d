package duration

import (
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90s":         90 * time.Second,
		"12h":         12 * time.Hour,
		"5d":          5 * day,
		"1d12h":       36 * time.Hour,
		"1d1ms":       day + time.Millisecond,
		"0d":          0,
		"0":           0,
		"0.5d":        12 * time.Hour,
		".5d":         12 * time.Hour,
		"1.5d30m":     36*time.Hour + 30*time.Minute,
		" 5d ":        5 * day,
		"-5d":         -5 * day,
		"-1d12h":      -36 * time.Hour,
		"-30m":        -30 * time.Minute,
		"+30m":        30 * time.Minute,
		"36500d":      36500 * day,
		"1h2m3.5s":    time.Hour + 2*time.Minute + 3500*time.Millisecond,
		"2562047h47m": 2562047*time.Hour + 47*time.Minute,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("Parse(%q) = %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", " ", "5", "d", "-", "+", "-d", "5 d", "5days", "5D", "1d1d", "1h5d", "1d 12h", "1d-12h", "1d+12h", "--5h", "-+5h", "+-5h", "++5h",
		"36501d", "1e3d", "0x10d", "Infd", "NaNd", "1_0d", "1,5d", "5d12", "2562048h", "36500d2562047h", "5w", "1h30", "half a day",
	} {
		if got, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %s, want an error", text, got)
		} else if !strings.Contains(err.Error(), "expected") {
			t.Errorf("Parse(%q): %v; want an error that says what was expected", text, err)
		}
	}
}
