package sinks_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/internal/atomicfile"
	"github.com/vigented/vigente/internal/section"
	"github.com/vigented/vigente/sinks"
)

func parse(t *testing.T, text string) *section.Section {
	t.Helper()
	s, err := section.Parse("sinks.x", text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestCommon(t *testing.T) {
	s := parse(t, "path = \"/a/../b\"\nmode = \"0640\"\nowner = \"o\"\ngroup = \"7\"\nenforce = true")
	target, b := sinks.Common(s, sinks.Env{})
	want := sinks.Target{Path: "/b", Options: atomicfile.Options{Mode: 0o640, Owner: "o", Group: "7", Create: true, MaxSize: sinks.MaxSize}}
	if target != want || b.Path != "/b" || !b.Enforce || b.Hook != nil || len(s.Finish()) > 0 {
		t.Errorf("got %+v, %+v, %v", target, b, s.Finish())
	}
	target, b = sinks.Common(parse(t, "path = \"/x\""), sinks.Env{})
	if target.Options.Mode != 0o600 || b.Enforce {
		t.Errorf("the defaults are %+v, %+v", target, b)
	}
	for _, keys := range []string{"", "path = \"\""} {
		s := parse(t, keys)
		sinks.Common(s, sinks.Env{})
		if faults := s.Finish(); len(faults) != 1 || faults[0].Key != "sinks.x.path" {
			t.Errorf("%q gives %v", keys, faults)
		}
	}
}

func TestTexts(t *testing.T) {
	s := parse(t, "values = { B = \"<${c.token}>${d.token}\", A = \"${c.token}\" }")
	texts := sinks.ReadTexts(s, "values")
	if faults := s.Finish(); len(faults) > 0 || len(texts) != 2 || texts[0].Name != "B" || texts[0].At != "values.B" {
		t.Fatalf("got %+v, %v", texts, faults)
	}
	secret := func(v string) credential.Credential {
		return credential.Credential{Generation: 1, Values: map[string]credential.Secret{"token": credential.NewSecret(v)}}
	}
	values, err := sinks.Expand(texts, credential.Set{"c": secret("1"), "d": secret("2")})
	if err != nil || values[0].Reveal() != "<1>2" || values[1].Reveal() != "1" {
		t.Errorf("got %v", err)
	}
	if m := sinks.ByName(texts, values); len(m) != 2 || m["B"].Reveal() != "<1>2" {
		t.Error("ByName mixes them up")
	}
	_, err = sinks.Expand(texts, credential.Set{"c": secret("1")})
	wantFault(t, err, credential.ReasonInternal, "values.B: ${d.token} has no value")
	if p := texts[0].Placeholder().Reveal(); p != "<"+strings.Repeat("0", 40)+">"+strings.Repeat("0", 40) {
		t.Errorf("the placeholder is %q", p)
	}
	var refs []string
	for _, r := range sinks.Refs(texts) {
		refs = append(refs, r.Key+r.String())
	}
	if want := []string{"values.B${c.token}", "values.B${d.token}", "values.A${c.token}"}; !slices.Equal(refs, want) {
		t.Errorf("got %q", refs)
	}
}

func TestJudge(t *testing.T) {
	s := credential.NewSecret
	want := map[string]credential.Secret{"a": s("1"), "b": s("2")}
	for _, c := range []struct {
		name  string
		seen  []sinks.Seen
		state sinks.State
		found int
	}{
		{"same", []sinks.Seen{{Name: "a", Value: s("1")}, {Name: "b", Value: s("2")}, {Name: "a", Value: s("1")}}, sinks.Same, 0},
		{"others do not count", []sinks.Seen{{Name: "a", Value: s("1")}, {Name: "b", Value: s("2")}, {Name: "c", Value: s("")}}, sinks.Same, 0},
		{"nothing", nil, sinks.Missing, 0},
		{"one missing", []sinks.Seen{{Name: "a", Value: s("1")}}, sinks.Missing, 0},
		{"one empty", []sinks.Seen{{Name: "a"}, {Name: "b", Value: s("2")}}, sinks.Empty, 0},
		{"one missing, one empty", []sinks.Seen{{Name: "a"}}, sinks.Missing, 0},
		{"one other, one missing", []sinks.Seen{{Name: "a", Value: s("x")}}, sinks.Other, 1},
		{"one other, one empty", []sinks.Seen{{Name: "a", Value: s("x")}, {Name: "b"}}, sinks.Other, 1},
		{"other twice", []sinks.Seen{{Name: "a", Value: s("x")}, {Name: "a", Value: s("y")}, {Name: "b", Value: s("2")}}, sinks.Other, 2},
		{"spoiled", []sinks.Seen{{Name: "a", Value: s("1"), Spoiled: true}, {Name: "b", Value: s("2")}}, sinks.Other, 1},
	} {
		f := sinks.Judge(want, c.seen)
		if f.State != c.state || len(f.Found["a"])+len(f.Found["b"]) != c.found {
			t.Errorf("%s: %v with %d values", c.name, f.State, len(f.Found["a"]))
		}
	}
	if got := fmt.Sprint(sinks.Same, sinks.Empty, sinks.Missing, sinks.Other); got != "same empty missing other" {
		t.Errorf("the states are called %s", got)
	}
}

func TestText(t *testing.T) {
	s := parse(t, "content = \"${c.token}\"")
	text := sinks.ReadText(s, "content")
	if faults := s.Finish(); len(faults) > 0 || text.Name != "content" || text.At != "content" {
		t.Errorf("got %+v, %v", text, faults)
	}
	for keys, says := range map[string]string{
		"":                                "content: is missing",
		"content = \"${c\"":               "content: a ${ is not closed",
		"values = \"x\"":                  "values: is a string",
		"values = {}":                     "values: is empty",
		"values = { A = \"\" }":           "values.A: is empty",
		"values = { A = 1, B = \"${}\" }": "values.B: ${} is no reference",
	} {
		s := parse(t, keys)
		if strings.HasPrefix(says, "content") {
			sinks.ReadText(s, "content")
		} else {
			sinks.ReadTexts(s, "values")
		}
		if faults := s.Finish(); !slices.ContainsFunc(faults, func(f section.Fault) bool { return strings.Contains(f.Error(), says) }) {
			t.Errorf("%q gives %v", keys, faults)
		}
	}
}

// TestTargetTries: doubtful content is asked about a second time, with the word
// that it has stayed so.
func TestTargetTries(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	target := sinks.Target{Path: path, Options: atomicfile.Options{Create: true}}
	var asked []bool
	edit := func(_ []byte, _, settled bool) ([]byte, error) {
		if len(asked) == 0 || asked[len(asked)-1] != settled {
			asked = append(asked, settled)
		}
		if !settled {
			return nil, fmt.Errorf("half: %w", atomicfile.ErrUnready)
		}
		return []byte("whole"), nil
	}
	if err := target.Preflight(t.Context(), edit); err != nil || !slices.Equal(asked, []bool{false, true}) {
		t.Errorf("%v, %v", asked, err)
	}
	if _, exists, err := target.Read(t.Context()); exists || err != nil {
		t.Errorf("the preflight made the file, %v", err)
	}
	asked = nil
	if changed, err := target.Deliver(t.Context(), edit); err != nil || !changed || !slices.Equal(asked, []bool{false, true}) {
		t.Errorf("%v, %v, %v", changed, asked, err)
	}
	if content, exists, err := target.Read(t.Context()); string(content) != "whole" || !exists || err != nil {
		t.Errorf("%q, %v, %v", content, exists, err)
	}
}

func TestTargetFaults(t *testing.T) {
	dir := t.TempDir()
	target := sinks.Target{Path: filepath.Join(dir, "f"), Options: atomicfile.Options{Create: true}}
	failing := func(err error) sinks.Edit {
		return func([]byte, bool, bool) ([]byte, error) { return nil, err }
	}
	own := &credential.Fault{Reason: credential.ReasonInternal, Message: "mine"}
	for _, c := range []struct {
		name   string
		err    error
		reason credential.Reason
		says   string
	}{
		{"of the kind", own, credential.ReasonInternal, "mine"},
		{"another", errors.New("line 3: odd"), credential.ReasonInternal, "edit " + target.Path + ": line 3: odd"},
		{"cancelled", context.Canceled, credential.ReasonCancelled, "cut short"},
		{"out of time", context.DeadlineExceeded, credential.ReasonTimeout, "did not answer in time"},
		{"empty content", nil, credential.ReasonInternal, "the new content is empty"},
		{"full disk", &atomicfile.Error{Op: "write", Path: "/x", Kind: atomicfile.NoSpace, Err: syscall.ENOSPC}, credential.ReasonInternal, "write /x: no space left on device (free space"},
	} {
		t.Run(c.name, func(t *testing.T) {
			changed, err := target.Deliver(t.Context(), failing(c.err))
			if changed {
				t.Error("a change is reported")
			}
			wantFault(t, err, c.reason, c.says)
			if c.err != nil && !errors.Is(err, c.err) {
				t.Errorf("%v does not wrap the cause", err)
			}
			if _, err := os.Stat(target.Path); err == nil {
				t.Error("the file was made")
			}
		})
	}
}

func TestTargetRead(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	large := filepath.Join(dir, "large")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, sinks.MaxSize+1); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{dir: "is a directory", fifo: "read " + fifo, large: "read " + large} {
		_, _, err := sinks.Target{Path: path}.Read(t.Context())
		wantFault(t, err, credential.ReasonInternal, says)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := sinks.Target{Path: large}.Read(ctx)
	wantFault(t, err, credential.ReasonCancelled)
}
