package engine

import (
	"time"

	"github.com/vigented/vigente/credential"
)

// shownSpent is told of a seed that was shown a second time. Where another way in
// leads to a token that is a fault; where there is none, only while the token in
// hand has more left than its last tenth, or than one attempt needs.
func (l *laws) shownSpent(s *source, seed string, req credential.Request) {
	w := l.w
	held := req.Previous
	if !s.p.oneWay {
		l.breaks("%s showed %s, which was spent", s.n.name, seed)
		return
	}
	l.shownAgain++
	g := l.of(s.n.name)
	if g.lied || w.now < l.setBack || s.p.says == saysInstant && w.offset.Abs() > time.Second {
		return // what it knows of the end is not so
	}
	left := held.ExpiresAt.Sub(w.wall())
	last := max(s.p.life/10, s.n.policy.Timeout+s.n.policy.MinInterval) + time.Second
	if len(held.Values) > 0 && left > last {
		l.breaks("%s showed %s, which was spent, with %s of the token left", s.n.name, seed, left)
	}
}
