package needs

import (
	"net"
	"runtime"
	"strings"
	"testing"
)

// ending is a testing.TB that records how the test was ended.
type ending struct {
	testing.TB
	how, why string
}

func (e *ending) Helper() {}

func (e *ending) Fatalf(format string, args ...any) { e.end("failed", format, args) }
func (e *ending) Skipf(format string, args ...any)  { e.end("skipped", format, args) }

func (e *ending) end(how, format string, args []any) {
	e.how = how
	for _, a := range args {
		if s, ok := a.(string); ok {
			format = strings.Replace(format, "%s", s, 1)
		}
	}
	e.why = format
	runtime.Goexit()
}

func TestToolEndsTheTest(t *testing.T) {
	for _, tc := range []struct {
		name, tool, required, how string
	}{
		{"present", "sh", "", ""},
		{"present and required", "sh", "1", ""},
		{"absent", "no-such-tool", "", "skipped"},
		{"absent and required", "no-such-tool", "1", "failed"},
		{"absent, another value", "no-such-tool", "0", "skipped"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv(RequireEnv, tc.required)
			e := &ending{TB: t}
			var path string
			done := make(chan struct{})
			go func() { // Goexit ends the goroutine, as in a real test.
				defer close(done)
				path = Tool(e, tc.tool)
			}()
			<-done
			if e.how != tc.how {
				t.Fatalf("got %q (%s), want %q", e.how, e.why, tc.how)
			}
			if tc.how == "" && path == "" {
				t.Error("got no path for a tool that is installed")
			}
			if tc.how != "" && !strings.Contains(e.why, tc.tool) {
				t.Errorf("the message %q does not name the tool", e.why)
			}
		})
	}
}

func TestPartGoesOnWithout(t *testing.T) {
	for _, tc := range []struct {
		name, tool, required, how string
		found                     bool
	}{
		{"present", "sh", "1", "", true},
		{"absent", "no-such-tool", "", "", false},
		{"absent and required", "no-such-tool", "1", "failed", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Setenv(RequireEnv, tc.required)
			e := &ending{TB: t}
			var found bool
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, found = Part(e, tc.tool)
			}()
			<-done
			if e.how != tc.how || found != tc.found {
				t.Errorf("got %q, found %v; want %q, found %v", e.how, found, tc.how, tc.found)
			}
		})
	}
}

func TestPortsAreDifferentAndCanBeUsed(t *testing.T) {
	for range 2 {
		l, err := net.Listen("tcp", Port()) // the first one is still in use
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
	}
}
