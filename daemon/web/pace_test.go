package web

import (
	"bytes"
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestAnswersHaveAPace: short answers are few enough to cost little, long ones
// count by their bytes, one class does not take from another, and whoever asks
// now and then does not wait.
func TestAnswersHaveAPace(t *testing.T) {
	for name, c := range map[string]struct {
		text       int // bytes of each answer
		most, less int // answers in ten seconds
	}{
		"short": {100, 10*bytesASecond/leastOfOne + mostAtOnce/leastOfOne, 10 * bytesASecond / leastOfOne},
		"long":  {16 << 20, 10*bytesASecond/(16<<20) + 10, 10 * bytesASecond / (17 << 20)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBounded(nil, Bounds{})
				greedy := &conn{Conn: sink{}, of: b, pace: b.paceLocked("others")}
				text, begun, answers := bytes.Repeat([]byte("x"), c.text), time.Now(), 0
				for time.Since(begun) < 10*time.Second {
					if err := greedy.pace.wait(t.Context()); err != nil {
						t.Fatal(err)
					}
					if _, err := greedy.Write(text); err != nil {
						t.Fatal(err)
					}
					answers++
				}
				if answers > c.most || answers < c.less {
					t.Errorf("%d answers in ten seconds, want %d to %d", answers, c.less, c.most)
				}
				for pace, most := range map[string]time.Duration{"owner": 0, "others": time.Second} {
					asked := time.Now()
					if err := b.paceLocked(pace).wait(t.Context()); err != nil || time.Since(asked) > most {
						t.Errorf("%s waited %s: %v", pace, time.Since(asked), err)
					}
				}
			})
		})
	}
}

// TestThoseWhoGiveUpCostNothing: ten thousand give up waiting, the next one does not
// wait for them.
func TestThoseWhoGiveUpCostNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace()
		p.wrote(mostAtOnce)
		p.wrote(leastOfOne)
		ctx, giveUp := context.WithCancel(t.Context())
		for range 10_000 {
			go func() { _ = p.wait(ctx) }()
		}
		synctest.Wait()
		giveUp()
		synctest.Wait()
		asked := time.Now()
		if err := p.wait(t.Context()); err != nil || time.Since(asked) > 100*time.Millisecond {
			t.Errorf("waited %s: %v", time.Since(asked), err)
		}
	})
}

// sink takes everything.
type sink struct{ net.Conn }

func (sink) Write(text []byte) (int, error)     { return len(text), nil }
func (sink) SetWriteDeadline(_ time.Time) error { return nil }
