package watch

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A folder that hangs is asked once, and again when it has answered; the other
// folders answer every time.
func TestHangingFolderHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, healed, asked := newDisks(), make(chan struct{}), make(chan string, 100)
		question := func(name string) string {
			asked <- name
			if name == "/away/b" {
				<-healed
			}
			return "of " + name
		}
		names := []string{"/a/a", "/away/b", "/away/c", "/d/d"}
		for try := range 3 {
			begun := time.Now()
			got := ask(d, names, question)
			if len(got) != 2 || got["/a/a"] != "of /a/a" || got["/d/d"] != "of /d/d" {
				t.Errorf("try %d: %v", try, got)
			}
			if took := time.Since(begun); took > answerWithin || try > 0 && took > 0 {
				t.Errorf("try %d took %s", try, took)
			}
		}
		close(healed)
		synctest.Wait()
		if got := ask(d, names, question); len(got) != len(names) {
			t.Errorf("after it answered: %v", got)
		}
		synctest.Wait()
		close(asked)
		var all []string
		for name := range asked {
			all = append(all, name)
		}
		if n := len(slices.DeleteFunc(all, func(name string) bool { return name != "/away/b" })); n != 2 {
			t.Errorf("the file that hung was asked %d times", n)
		}
	})
}
