package schedule

import (
	"math/rand/v2"
	"testing"
)

// chances are seeded dice with a limited number of throws.
type chances struct {
	rng  *rand.Rand
	left int
}

func (c *chances) n(sides int) int { c.left--; return c.rng.IntN(sides) }
func (c *chances) spent() bool     { return c.left <= 0 }

// script is dice that read their throws from bytes, then return zero.
type script struct{ data []byte }

func (s *script) n(sides int) int {
	if len(s.data) == 0 {
		return 0
	}
	v := int(s.data[0]) % sides
	s.data = s.data[1:]
	return v
}

func (s *script) spent() bool { return len(s.data) == 0 }

func TestWorlds(t *testing.T) {
	for seed := range uint64(400) {
		newWorld(t, &chances{rand.New(rand.NewPCG(seed, 1)), 500}).play()
	}
}

// FuzzBoard simulates a world chosen by the input: configurations, outcomes, clock
// jumps, reloads and crashes.
func FuzzBoard(f *testing.F) {
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 2))
		data := make([]byte, 40<<(seed%5))
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		newWorld(t, &script{data}).play()
	})
}
