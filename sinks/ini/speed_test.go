package ini_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/vigented/vigente/sinks/ini"
)

// large returns content on which a careless editor needs quadratic time.
func large(size int) map[string][]byte {
	fill := func(unit string) []byte {
		return bytes.Repeat([]byte(unit), size/len(unit))
	}
	tail := []byte("\n[X]\nTOKEN=old\n")
	return map[string][]byte{
		"lines":             append(fill("[JOB_WS]\r\nKey = D MG 01;x=y\r\n; a remark\r\n"), tail...),
		"empty lines":       append(fill("\n"), tail...),
		"one line":          append(fill("x"), tail...),
		"one line of CRs":   append(fill("\r"), tail...),
		"one line of blank": append(fill(" "), tail...),
		"CRs before LFs":    append(fill("\r\r\r\r\n"), tail...),
		"CR only":           bytes.ReplaceAll(append(fill("a=b\r"), tail...), []byte("\n"), []byte("\r")),
		"hits":              append([]byte("[X]\n"), fill("TOKEN=old\n")...),
		"blocks":            fill("[X]\nTOKEN=\n"),
		"no key, no end":    append([]byte("[X]\n"), fill("a=b\r\n")...),
	}
}

// TestEditIsLinear: 5 MiB take well under a second. The limit allows for the
// race detector on a slow machine, but not for a quadratic editor, which would
// take hours.
func TestEditIsLinear(t *testing.T) {
	for name, in := range large(5 << 20) {
		t.Run(name, func(t *testing.T) {
			start := time.Now()
			out, err := ini.Edit(in, "X", token("NEW"), ini.EditOptions{})
			took := time.Since(start)
			if err != nil || bytes.Equal(in, out) {
				t.Errorf("got no change, %v", err)
			}
			if took > 20*time.Second {
				t.Errorf("%d bytes took %v, want at most 20s", len(in), took)
			}
		})
	}
}

func TestEditLongLine(t *testing.T) {
	long := strings.Repeat("\xe9;=", 200<<10/3)
	in := "[A]\nv=" + long + "\n[X]\nTOKEN=" + long + "\nw=" + long
	want := "[A]\nv=" + long + "\n[X]\nTOKEN=NEW\nw=" + long
	got, err := ini.Edit([]byte(in), "X", token("NEW"), ini.EditOptions{})
	if err != nil || string(got) != want {
		t.Errorf("got %d bytes, want %d, %v", len(got), len(want), err)
	}
}

func BenchmarkEdit(b *testing.B) {
	for _, name := range []string{"lines", "one line", "hits"} {
		for _, size := range []int{8 << 10, 5 << 20} {
			in := large(size)[name]
			b.Run(name+"/"+map[bool]string{true: "8KiB", false: "5MiB"}[size == 8<<10], func(b *testing.B) {
				b.SetBytes(int64(len(in)))
				for b.Loop() {
					if _, err := ini.Edit(in, "X", token("NEW"), ini.EditOptions{}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
