// Package duration parses durations as the configuration writes them.
package duration

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Parse accepts Go durations extended by d for 24-hour days ("5d", "1d12h").
func Parse(text string) (time.Duration, error) {
	text = strings.TrimSpace(text)
	rest, negative := strings.CutPrefix(text, "-")
	if !negative {
		rest = strings.TrimPrefix(rest, "+")
	}
	days, tail, found := strings.Cut(rest, "d")
	var total time.Duration
	if found {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(n >= 0 && n <= 36500) || strings.ContainsAny(days, "eExXpP_+-") {
			return 0, unreadable(text)
		}
		total = time.Duration(n * float64(24*time.Hour))
		rest = tail
	}
	if rest != "" || !found {
		if strings.HasPrefix(rest, "-") || strings.HasPrefix(rest, "+") {
			return 0, unreadable(text)
		}
		d, err := time.ParseDuration(rest)
		if err != nil || total+d < total {
			return 0, unreadable(text)
		}
		total += d
	}
	if negative {
		total = -total
	}
	return total, nil
}

func unreadable(text string) error {
	return fmt.Errorf(`%q is not a duration (expected e.g. "90s", "12h" or "5d")`, text)
}
