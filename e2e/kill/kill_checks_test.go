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

// sinkValues returns the token in every sink by user, and reports content that
// is neither ours nor the original.
func (l *life) sinkValues() map[string]string {
	l.T.Helper()
	values := map[string]string{
		"ana/file": l.Read("out/ana"), "ana/linked": l.Read("out/linked"), "ana/both": "", "bia/both": "", "bia/env": "", "ana/ini": "", "ana/bak": "",
	}
	for _, name := range []string{"out/ana", "out/both"} {
		if info, err := os.Stat(l.Path(name)); err == nil && info.Size() == 0 {
			l.T.Errorf("torn: %s exists but is empty", name)
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

// checkNotTorn checks that no sink is torn: each contains a token that was issued, or
// its original content.
func (l *life) checkNotTorn() {
	l.T.Helper()
	for sink, value := range l.sinkValues() {
		user, _, _ := strings.Cut(sink, "/")
		if value != "" && !l.backend.wasIssued(user, value) {
			l.T.Errorf("torn: %s shows %q, which was never issued", sink, value)
		}
	}
}

// checkTokens checks that every sink still managed contains the one valid token.
func (l *life) checkTokens() {
	l.T.Helper()
	l.checkNotTorn()
	for sink, value := range l.invalidTokens() {
		l.T.Errorf("%s holds %q, which is no longer valid", sink, value)
	}
}

// invalidTokens returns the tokens in sinks that are no longer valid.
func (l *life) invalidTokens() map[string]string {
	return maps.Collect(func(yield func(string, string) bool) {
		for name, value := range l.sinkValues() {
			user, sink, _ := strings.Cut(name, "/")
			managed := len(l.present) == 2 || user == "ana" && sink != "both"
			if sink != "bak" && managed && value != l.backend.live(user) && !yield(name, value) {
				return
			}
		}
	})
}

// records reads the state of a stopped daemon.
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
		l.T.Fatalf("read the state after the crash: %v", err)
	}
	defer s.Close(context.Background())
	state, err := s.Load()
	if err != nil {
		l.T.Fatalf("read the state after the crash: %v", err)
	}
	return state.Records
}

// checkState compares the state with the backend. It returns how many calls the
// next start must make per user: none if the last answer is durable, else one.
func (l *life) checkState() map[string]int {
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
			l.T.Errorf("%s: the state holds a spent refresh token and is not marked as in doubt", user)
		}
		if before := l.backend.callBefore(user); doubt && !r.Past.AttemptAt.After(before) {
			l.T.Errorf("%s: the attempt in doubt is recorded at %s, but an earlier one was made at %s: the minimum interval counts from the wrong one", user, r.Past.AttemptAt, before)
		}
		for sink, value := range l.sinkValues() {
			if owner, _, _ := strings.Cut(sink, "/"); owner == user && value == live && value != token {
				l.T.Errorf("%s was delivered before it was durable: the state holds %q", sink, token)
			}
		}
		if doubt {
			l.begun[user] = r.Past.AttemptAt
		}
		if token != live && !doubt {
			l.T.Errorf("%s: the state holds %q, the backend issued %q, and no doubt is recorded", user, token, live)
		}
	}
	return owed
}

// checkPace checks that attempts in doubt were repeated after the minimum interval,
// by the daemon's own clock.
func (l *life) checkPace() {
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
		if next := history[len(history)-1].At; next.Sub(begun) < killInterval {
			l.T.Errorf("%s: the attempt at %s is followed by one at %s, want at least %s between them", user, begun, next, killInterval)
		}
	}
}

// checkCleanup checks that nothing is left over, in folders or in the state.
func (l *life) checkCleanup() {
	l.T.Helper()
	for folder, known := range map[string][]string{
		"out": {"ana", "bia.env", "both", "linked"}, "till": {"appserver.ini", "appserver.ini.bak"}, "state": {"lock", "state.db", "state.sealed"},
	} {
		entries, err := os.ReadDir(l.Path(folder))
		if err != nil {
			l.T.Fatal(err)
		}
		for _, e := range entries {
			if !slices.Contains(known, e.Name()) && !l.leftByTheStop(e) {
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
	for user, n := range l.checkState() {
		if n != 0 {
			l.T.Errorf("%s: a call is still due at the end", user)
		}
	}
}

// leftByTheStop reports whether a file is the next mark of the state, begun by the last
// daemon: a stop does not wait long for a slow disk. The next start removes it.
func (l *life) leftByTheStop(e fs.DirEntry) bool {
	info, err := e.Info()
	return err == nil && e.Name() == "state.sealed.new" && info.ModTime().After(l.started)
}

// checkHooks checks that each hook ran for the current content of its sink, and for
// any other content at most once, apart from the given number of crashes.
func (l *life) checkHooks(crashes int) {
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
			l.T.Errorf("the hook of %s ran for %v, last for %q, but the file holds %q", sink, runs, last, held)
		}
		if sink == "ana" && l.drifted != "" {
			needless-- // the same content, written again
			if runs[l.drifted] < 2 {
				l.T.Errorf("the hook did not run again for the repaired content: %v", runs)
			}
		}
		if needless > crashes {
			l.T.Errorf("the hook of %s ran %d times too often: %v", sink, needless, runs)
		}
	}
}
