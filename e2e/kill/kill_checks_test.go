package kill

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/daemon/engine"

	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/store"
	"github.com/vigented/vigente/e2e/e2etest"
)

var (
	iniToken  = regexp.MustCompile(`Token =[^\r]*`)
	twoTokens = regexp.MustCompile(`^([0-9a-f]+) ([0-9a-f]+)$`)
)

// sinkValues returns what every sink shows for each user, and reports content
// that is neither ours nor what was there before.
func (l *life) sinkValues() map[string]string {
	l.T.Helper()
	values := map[string]string{
		"ana/file": l.Read("out/ana"), "ana/linked": l.Read("out/linked"), "ana/both": "", "bia/both": "", "bia/env": "", "ana/ini": "", "ana/bak": "",
	}
	for _, name := range []string{"out/ana", "out/both"} {
		if info, err := os.Stat(l.Path(name)); err == nil && info.Size() == 0 {
			l.T.Errorf("torn: %s is there and empty", name)
		}
	}
	if both := l.Read("out/both"); both != "" {
		pair := twoTokens.FindStringSubmatch(both)
		if pair == nil {
			l.T.Fatalf("torn: the file of two holds %q", both)
		}
		values["ana/both"], values["bia/both"] = pair[1], pair[2]
	}
	env, mine := strings.CutPrefix(l.Read("out/bia.env"), "MINE=1\n")
	if env != "" {
		var ours bool
		if env, ours = strings.CutPrefix(strings.TrimSuffix(env, "\n"), "BIA="); !ours {
			mine = false
		}
	}
	if values["bia/env"] = strings.Trim(env, `"`); !mine {
		l.T.Errorf("torn: the env file holds %q", l.Read("out/bia.env"))
	}
	for key, name := range map[string]string{"ana/ini": "till/appserver.ini", "ana/bak": "till/appserver.ini.bak"} {
		text := l.Read(name)
		if text == "" && key == "ana/bak" {
			continue
		}
		values[key] = strings.TrimSpace(strings.TrimPrefix(iniToken.FindString(text), "Token ="))
		if iniToken.ReplaceAllString(text, "Token = ") != e2etest.IniBefore {
			l.T.Errorf("torn: %s holds %q", name, text)
		}
	}
	return values
}

// whole checks that no sink is torn: each shows a value that was issued, or
// what was there before.
func (l *life) whole() {
	l.T.Helper()
	for place, value := range l.sinkValues() {
		user, _, _ := strings.Cut(place, "/")
		if value != "" && !l.backend.wasIssued(user, value) {
			l.T.Errorf("torn: %s shows %q, which was never issued", place, value)
		}
	}
}

// sound checks that every sink that is still managed shows the one token that
// works.
func (l *life) sound() {
	l.T.Helper()
	l.whole()
	for place, value := range l.dead() {
		l.T.Errorf("%s shows %q, which no longer works", place, value)
	}
}

// dead returns what the sinks show that no longer works.
func (l *life) dead() map[string]string {
	return maps.Collect(func(yield func(string, string) bool) {
		for place, value := range l.sinkValues() {
			user, sink, _ := strings.Cut(place, "/")
			managed := len(l.present) == 2 || user == "ana" && sink != "both"
			if sink != "bak" && managed && value != l.backend.live(user) && !yield(place, value) {
				return
			}
		}
	})
}

// records reads the state of a daemon that is not running.
func (l *life) records() map[schedule.Key]schedule.Record {
	l.T.Helper()
	data, err := os.ReadFile(l.Path("state/state.db"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		l.T.Fatal(err)
	}
	copied := l.T.TempDir()
	if err := os.WriteFile(copied+"/state.db", data, 0o600); err != nil {
		l.T.Fatal(err)
	}
	s, err := store.Open(copied, store.Options{Key: l.key})
	if err != nil {
		l.T.Fatalf("the state after the crash: %v", err)
	}
	defer s.Close(context.Background())
	state, err := s.Load()
	if err != nil {
		l.T.Fatalf("the state after the crash: %v", err)
	}
	return state.Records
}

// remembered compares the state with what the backend knows, and returns how
// many calls the next start owes: none where the last answer is durable, one
// where it is not.
func (l *life) remembered() map[string]int {
	l.T.Helper()
	records, owed := l.records(), map[string]int{}
	l.begun = map[string]time.Time{}
	for _, user := range []string{"ana", "bia"} {
		r, known := records[schedule.Key{Kind: schedule.Obtaining, Name: user}]
		token, seed, live := r.Token().Values["token"].Reveal(), r.Token().Seed["refresh_token"].Reveal(), l.backend.live(user)
		doubt := known && r.Past.Open
		switch {
		case !slices.Contains(l.present, user):
			owed[user] = 0
		case doubt, token == "":
			owed[user] = 1
		default:
			owed[user] = 0
		}
		if !slices.Contains(l.present, user) && !known {
			continue
		}
		if l.backend.wasShown(user, seed) && !doubt {
			l.T.Errorf("%s: the state holds a spent refresh token and does not doubt it", user)
		}
		if before := l.backend.callBefore(user); doubt && !r.Past.AttemptAt.After(before) {
			l.T.Errorf("%s: the attempt in doubt is recorded for %s, an earlier one was made at %s: the floor counts from the wrong one", user, r.Past.AttemptAt, before)
		}
		for place, value := range l.sinkValues() {
			if owner, _, _ := strings.Cut(place, "/"); owner == user && value == live && value != token {
				l.T.Errorf("%s was delivered before it was durable: the state holds %q", place, token)
			}
		}
		if doubt {
			l.begun[user] = r.Past.AttemptAt
		}
		if token != live && !doubt {
			l.T.Errorf("%s: the state holds %q, the backend gave %q, and no doubt is recorded", user, token, live)
		}
	}
	return owed
}

// paced checks that what was in doubt was asked for again after the floor, by
// the daemon's own clock.
func (l *life) paced() {
	l.T.Helper()
	for user, begun := range l.begun {
		var history []schedule.Attempt
		l.Eventually("what followed the attempt of "+user+" is shown", func() bool {
			s, err := l.client.Select(l.T.Context(), engine.Query{Names: []string{user}, History: true})
			if err != nil {
				l.T.Fatal(err)
			}
			for _, c := range s.View.Credentials {
				history = c.History
			}
			return len(history) > 0 && history[len(history)-1].At.After(begun)
		})
		if next := history[len(history)-1].At; next.Sub(begun) < killFloor {
			l.T.Errorf("%s: the attempt of %s is followed by one at %s, want the next after %s", user, begun, next, killFloor)
		}
	}
}

// tidy checks that nothing of ours is left over, in folders and in the state.
func (l *life) tidy() {
	l.T.Helper()
	for folder, known := range map[string][]string{
		"out": {"ana", "bia.env", "both", "linked"}, "till": {"appserver.ini", "appserver.ini.bak"}, "state": {"lock", "state.db", "state.sealed"},
	} {
		entries, err := os.ReadDir(l.Path(folder))
		if err != nil {
			l.T.Fatal(err)
		}
		for _, e := range entries {
			if !slices.Contains(known, e.Name()) {
				l.T.Errorf("left over: %s/%s", folder, e.Name())
			}
		}
	}
	for key, r := range l.records() {
		if key.Kind == schedule.Obtaining && !r.Token().LeftAt.IsZero() {
			continue // a removed credential is kept for an hour
		}
		if len(l.present) == 1 && (key.Name == "bia" || key.Name == "env" || key.Name == "both") {
			l.T.Errorf("the state still holds %v, which was removed", key)
		}
	}
	for user, n := range l.remembered() {
		if n != 0 {
			l.T.Errorf("%s: at the end a call is owed", user)
		}
	}
}

// hooked checks that each hook ran for what its sink holds now, and for
// everything else at most once, but for the given number of crashes.
func (l *life) hooked(crashes int) {
	l.T.Helper()
	for _, sink := range []string{"ana", "both"} {
		if sink == "both" && len(l.present) == 1 {
			continue
		}
		runs, needless, last := map[string]int{}, 0, ""
		for line := range strings.Lines(l.Read("hooks/" + sink)) {
			last = strings.TrimSuffix(line, "\n")
			if runs[last]++; runs[last] > 1 || last == "" {
				needless++
			}
		}
		if held := l.Read("out/" + sink); runs[held] == 0 || last != held {
			l.T.Errorf("the hook of %s ran for %v, and last for %q, but the file holds %q", sink, runs, last, held)
		}
		if sink == "ana" && l.drifted != "" {
			needless-- // the same content, written again
			if runs[l.drifted] < 2 {
				l.T.Errorf("the hook did not run again for what was put back: %v", runs)
			}
		}
		if needless > crashes {
			l.T.Errorf("the hook of %s ran %d times too often: %v", sink, needless, runs)
		}
	}
}
