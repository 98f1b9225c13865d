package e2e

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/vigented/vigente/daemon/schedule"
	"github.com/vigented/vigente/daemon/store"
)

var (
	iniToken  = regexp.MustCompile(`Token =[^\r]*`)
	twoTokens = regexp.MustCompile(`^([0-9a-f]+) ([0-9a-f]+)$`)
)

// sinkValues returns what every sink shows for each user, and reports content
// that is neither ours nor what was there before.
func (l *life) sinkValues() map[string]string {
	l.t.Helper()
	values := map[string]string{
		"ana/file": l.read("out/ana"), "ana/linked": l.read("out/linked"), "ana/both": "", "bia/both": "", "bia/env": "", "ana/ini": "", "ana/bak": "",
	}
	for _, name := range []string{"out/ana", "out/both"} {
		if info, err := os.Stat(l.path(name)); err == nil && info.Size() == 0 {
			l.t.Errorf("torn: %s is there and empty", name)
		}
	}
	if both := l.read("out/both"); both != "" {
		pair := twoTokens.FindStringSubmatch(both)
		if pair == nil {
			l.t.Fatalf("torn: the file of two holds %q", both)
		}
		values["ana/both"], values["bia/both"] = pair[1], pair[2]
	}
	env, mine := strings.CutPrefix(l.read("out/bia.env"), "MINE=1\n")
	if env != "" {
		var ours bool
		if env, ours = strings.CutPrefix(strings.TrimSuffix(env, "\n"), "BIA="); !ours {
			mine = false
		}
	}
	if values["bia/env"] = strings.Trim(env, `"`); !mine {
		l.t.Errorf("torn: the env file holds %q", l.read("out/bia.env"))
	}
	for key, name := range map[string]string{"ana/ini": "till/appserver.ini", "ana/bak": "till/appserver.ini.bak"} {
		text := l.read(name)
		if text == "" && key == "ana/bak" {
			continue
		}
		values[key] = strings.TrimSpace(strings.TrimPrefix(iniToken.FindString(text), "Token ="))
		if iniToken.ReplaceAllString(text, "Token = ") != iniBefore {
			l.t.Errorf("torn: %s holds %q", name, text)
		}
	}
	return values
}

// whole checks that no sink is torn: each shows a value that was issued, or
// what was there before.
func (l *life) whole() {
	l.t.Helper()
	for place, value := range l.sinkValues() {
		user, _, _ := strings.Cut(place, "/")
		if value != "" && !l.backend.wasIssued(user, value) {
			l.t.Errorf("torn: %s shows %q, which was never issued", place, value)
		}
	}
}

// sound checks that every sink that is still managed shows the one token that
// works.
func (l *life) sound() {
	l.t.Helper()
	l.whole()
	for place, value := range l.sinkValues() {
		user, sink, _ := strings.Cut(place, "/")
		managed := len(l.present) == 2 || user == "ana" && sink != "both"
		if sink != "bak" && managed && value != l.backend.live(user) {
			l.t.Errorf("%s shows %q, which no longer works", place, value)
		}
	}
}

// records reads the state of a daemon that is not running.
func (l *life) records() map[schedule.Key]schedule.Record {
	l.t.Helper()
	data, err := os.ReadFile(l.path("state/state.db"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		l.t.Fatal(err)
	}
	copied := l.t.TempDir()
	if err := os.WriteFile(copied+"/state.db", data, 0o600); err != nil {
		l.t.Fatal(err)
	}
	s, err := store.Open(copied, store.Options{Key: l.key})
	if err != nil {
		l.t.Fatalf("the state after the crash: %v", err)
	}
	defer s.Close(context.Background())
	state, err := s.Load()
	if err != nil {
		l.t.Fatalf("the state after the crash: %v", err)
	}
	return state.Records
}

// remembered compares the state with what the backend knows, and returns how
// many calls the next start owes: none where the last answer is durable, one
// where it is not.
func (l *life) remembered() map[string]int {
	l.t.Helper()
	records, owed := l.records(), map[string]int{}
	l.begun = map[string]time.Time{}
	for _, user := range []string{"ana", "bia"} {
		r, known := records[schedule.Key{Kind: schedule.Obtaining, Name: user}]
		token, seed, live := r.Token.Values["token"].Reveal(), r.Token.Seed["refresh_token"].Reveal(), l.backend.live(user)
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
			l.t.Errorf("%s: the state holds a spent refresh token and does not doubt it", user)
		}
		if before := l.backend.callBefore(user); doubt && !r.Past.AttemptAt.After(before) {
			l.t.Errorf("%s: the attempt in doubt is recorded for %s, an earlier one was made at %s: the floor counts from the wrong one", user, r.Past.AttemptAt, before)
		}
		for place, value := range l.sinkValues() {
			if owner, _, _ := strings.Cut(place, "/"); owner == user && value == live && value != token {
				l.t.Errorf("%s was delivered before it was durable: the state holds %q", place, token)
			}
		}
		if doubt {
			l.begun[user] = r.Past.AttemptAt
		}
		if token != live && !doubt {
			l.t.Errorf("%s: the state holds %q, the backend gave %q, and no doubt is recorded", user, token, live)
		}
	}
	return owed
}

// paced checks that what was in doubt was asked for again after the floor, by
// the daemon's own clock.
func (l *life) paced() {
	l.t.Helper()
	for user, begun := range l.begun {
		s, err := l.client.Explain(l.t.Context(), user)
		if err != nil {
			l.t.Fatal(err)
		}
		for _, c := range s.View.Credentials {
			if n := len(c.History); c.Name == user && (n == 0 || c.History[n-1].At.Sub(begun) < killFloor) {
				l.t.Errorf("%s: the attempt of %s is followed by %v, want the next after %s", user, begun, c.History, killFloor)
			}
		}
	}
}

// tidy checks that nothing of ours is left over, in folders and in the state.
func (l *life) tidy() {
	l.t.Helper()
	for folder, known := range map[string][]string{
		"out": {"ana", "bia.env", "both", "linked"}, "till": {"appserver.ini", "appserver.ini.bak"}, "state": {"lock", "state.db"},
	} {
		entries, err := os.ReadDir(l.path(folder))
		if err != nil {
			l.t.Fatal(err)
		}
		for _, e := range entries {
			if !slices.Contains(known, e.Name()) {
				l.t.Errorf("left over: %s/%s", folder, e.Name())
			}
		}
	}
	for key := range l.records() {
		if len(l.present) == 1 && (key.Name == "bia" || key.Name == "env" || key.Name == "both") {
			l.t.Errorf("the state still holds %v, which was removed", key)
		}
	}
	for user, n := range l.remembered() {
		if n != 0 {
			l.t.Errorf("%s: at the end a call is owed", user)
		}
	}
}

// hooked checks that each hook ran for what its sink holds now, and for
// everything else at most once, but for the given number of crashes.
func (l *life) hooked(crashes int) {
	l.t.Helper()
	for _, sink := range []string{"ana", "both"} {
		if sink == "both" && len(l.present) == 1 {
			continue
		}
		runs, needless, last := map[string]int{}, 0, ""
		for line := range strings.Lines(l.read("hooks/" + sink)) {
			last = strings.TrimSuffix(line, "\n")
			if runs[last]++; runs[last] > 1 || last == "" {
				needless++
			}
		}
		if held := l.read("out/" + sink); runs[held] == 0 || last != held {
			l.t.Errorf("the hook of %s ran for %v, and last for %q, but the file holds %q", sink, runs, last, held)
		}
		if sink == "ana" && l.drifted != "" {
			needless-- // the same content, written again
			if runs[l.drifted] < 2 {
				l.t.Errorf("the hook did not run again for what was put back: %v", runs)
			}
		}
		if needless > crashes {
			l.t.Errorf("the hook of %s ran %d times too often: %v", sink, needless, runs)
		}
	}
}
