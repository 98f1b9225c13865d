package config

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkLoad shows whether the cost of one credential with its sink stays
// constant as their number grows.
func BenchmarkLoad(b *testing.B) {
	for _, n := range []int{100, 10_000} {
		b.Run(fmt.Sprintf("credentials=%d", n), func(b *testing.B) {
			var text strings.Builder
			text.WriteString("[providers.p]\ntype = \"x\"\n")
			for i := range n {
				fmt.Fprintf(&text, "[credentials.c%d]\nprovider = \"p\"\n[sinks.s%d]\ntype = \"file\"\npath = \"/run/t/%d\"\ncontent = \"${c%d.token}\"\n", i, i, i, i)
			}
			write(b, map[string]string{"c.toml": text.String()})
			for b.Loop() {
				load(b, "c.toml", options())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/credential")
		})
	}
}
