package engine

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
)

// TestManyWaitForTheSame: fifty callers with the same broad query evaluate it once
// per change together, not once each, and all return in the end.
func TestManyWaitForTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := launch(t, planOf(map[string]*backend{"a": failingTwice()}, nil), nil)
		defer r.stop()
		shown := map[*CredentialView]bool{} // where views lie: one look is one place
		var mu sync.Mutex
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				err := r.Await(t.Context(), Query{}, func(v View) bool {
					mu.Lock()
					defer mu.Unlock()
					shown[&v.Credentials[0]] = true
					return v.Credentials[0].State == Valid
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if len(shown) > 20 {
			t.Errorf("looked %d times for one that was renewed in three calls", len(shown))
		}
		if w := &r.waiting; w.view.Credentials != nil || w.at != nil {
			t.Error("the last look is kept although nobody waits")
		}
	})
}

func TestBroad(t *testing.T) {
	var many []string
	for i := range fewNames + 1 {
		many = append(many, fmt.Sprint("c", i))
	}
	fleet := ""
	for _, c := range []struct {
		q    Query
		want bool
	}{
		{Query{}, true},
		{Query{Names: []string{"a", "b"}}, false},
		{Query{Names: []string{"a", "b*"}}, true},
		{Query{Names: many}, true},
		{Query{Fleet: &fleet}, true},
	} {
		if got := c.q.Broad(); got != c.want {
			t.Errorf("%+v: got %t", c.q, got)
		}
	}
}

// TestTextTellsQueriesApart: only callers with equal queries may share a result.
func TestTextTellsQueriesApart(t *testing.T) {
	none, shops := "", "shops"
	queries := []Query{
		{},
		{Names: []string{"a", "b"}},
		{Names: []string{"a\" \"b"}},
		{Provider: "a"},
		{State: "a"},
		{Fleet: &none},
		{Fleet: &shops},
		{Worst: true},
		{Limit: 1},
		{History: true},
	}
	seen := map[string]int{}
	for i, q := range queries {
		if other, found := seen[q.Text()]; found {
			t.Errorf("%d and %d are both %s", i, other, q.Text())
		}
		seen[q.Text()] = i
	}
}
