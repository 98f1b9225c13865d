package eventlog

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/vigented/vigente/credential"
	"github.com/vigented/vigente/daemon/engine"
	"github.com/vigented/vigente/daemon/plan"
	"github.com/vigented/vigente/daemon/schedule"
)

const canary = "c4n4ry-s3cr3t"

var at = time.Date(2026, 11, 22, 12, 0, 0, 0, time.FixedZone("", -3*3600))

func observed(level zapcore.Level) (*Reporter, *observer.ObservedLogs) {
	core, logs := observer.New(level)
	return New(zap.New(core)), logs
}

func failed(kind engine.TaskKind, name string, reason credential.Reason, failures int, startedAt time.Time) engine.Outcome {
	return engine.Outcome{
		Kind: kind, Name: name, Result: schedule.Failed, Failures: failures, StartedAt: startedAt,
		Fault: &credential.Fault{Reason: reason, Message: "ours"},
	}
}

// lineCase is an outcome and its line.
type lineCase struct {
	name    string
	outcome engine.Outcome
	level   zapcore.Level
	message string
	fields  map[string]any
}

func (tt lineCase) check(t *testing.T) {
	reporter, logs := observed(zap.DebugLevel)
	reporter.Observe(tt.outcome)
	entries := logs.All()
	if len(entries) != 1 {
		t.Fatalf("got %d lines, want 1", len(entries))
	}
	got := entries[0]
	if got.Message != tt.message || got.Level != tt.level {
		t.Errorf("got %s %q, want %s %q", got.Level, got.Message, tt.level, tt.message)
	}
	fields := got.ContextMap()
	delete(fields, "cause_types")
	for key, want := range tt.fields {
		if value := fields[key]; value != want {
			t.Errorf("%s: got %v (%T), want %v", key, value, value, want)
		}
	}
	for key, value := range fields {
		if _, ok := tt.fields[key]; !ok {
			t.Errorf("got unexpected %s=%v", key, value)
		}
		if !slices.Contains(Keys[:], key) {
			t.Errorf("%s is not a documented key", key)
		}
	}
	if text := fmt.Sprint(got.Message, got.ContextMap()); strings.Contains(text, canary) {
		t.Errorf("the text of a cause was written: %s", text)
	}
}

func TestLinesOfCredentials(t *testing.T) {
	fault := &credential.Fault{Reason: credential.ReasonServer, Message: "the server says that it is broken", Code: "E-7", Err: errors.New(canary)}
	for _, tt := range []lineCase{
		{
			"renewed",
			engine.Outcome{
				Kind: engine.Obtain, Name: "loja", Provider: "tss", Result: schedule.Renewed, Generation: 3, StartedAt: at,
				ExpiresAt: at.Add(time.Hour), NextAttemptAt: at.Add(time.Minute), Took: 1500 * time.Millisecond,
			},
			zap.InfoLevel, "credential renewed",
			map[string]any{
				"credential": "loja", "provider": "tss", "attempt": int64(1), "generation": uint64(3),
				"expires_at": "2026-11-22T16:00:00Z", "next_attempt_at": "2026-11-22T15:01:00Z", "took": 1500 * time.Millisecond,
			},
		},
		{
			"unchanged",
			engine.Outcome{Kind: engine.Obtain, Name: "loja", Provider: "tss", Result: schedule.Unchanged},
			zap.InfoLevel, "credential unchanged",
			map[string]any{"credential": "loja", "provider": "tss", "attempt": int64(1), "took": time.Duration(0)},
		},
		{
			"failed while in force",
			engine.Outcome{
				Kind: engine.Obtain, Name: "loja", Provider: "tss", Result: schedule.Failed, Failures: 2, Fault: fault, StartedAt: at,
				Generation: 3, ExpiresAt: at.Add(time.Hour), NextAttemptAt: at.Add(time.Minute), Took: time.Second,
			},
			zap.WarnLevel, "credential renewal failed",
			map[string]any{
				"credential": "loja", "provider": "tss", "attempt": int64(2), "reason": "server", "detail": "the server says that it is broken",
				"code": "E-7", "generation": uint64(3), "expires_at": "2026-11-22T16:00:00Z", "next_attempt_at": "2026-11-22T15:01:00Z", "took": time.Second,
			},
		},
		{
			"failed past the end",
			engine.Outcome{
				Kind: engine.Obtain, Name: "loja", Provider: "tss", Result: schedule.Failed, Failures: 9, Fault: &credential.Fault{Reason: credential.ReasonNetwork},
				Generation: 3, StartedAt: at, Took: time.Second, ExpiresAt: at.Add(time.Second),
			},
			zap.ErrorLevel, "credential renewal failed",
			map[string]any{
				"credential": "loja", "provider": "tss", "attempt": int64(9), "reason": "network", "generation": uint64(3),
				"expires_at": "2026-11-22T15:00:01Z", "took": time.Second,
			},
		},
		{
			"parked",
			engine.Outcome{Kind: engine.Obtain, Name: "loja", Provider: "tss", Result: schedule.Failed, Failures: 1, Parked: true, Fault: &credential.Fault{Reason: credential.ReasonRejected}},
			zap.ErrorLevel, "credential parked",
			map[string]any{"credential": "loja", "provider": "tss", "attempt": int64(1), "reason": "rejected", "took": time.Duration(0)},
		},
		{
			"cut by the end of the daemon",
			engine.Outcome{Kind: engine.Obtain, Name: "loja", Provider: "tss", Result: schedule.Failed, Failures: 1, Fault: &credential.Fault{Reason: credential.ReasonCancelled}},
			zap.InfoLevel, "credential renewal failed",
			map[string]any{"credential": "loja", "provider": "tss", "attempt": int64(1), "reason": "cancelled", "took": time.Duration(0)},
		},
		{
			"panicked without a fault",
			engine.Outcome{Kind: engine.Obtain, Name: "loja", Provider: "tss", Result: schedule.Failed, Failures: 1, Panicked: true, Stack: "main.go:1"},
			zap.ErrorLevel, "credential renewal failed",
			map[string]any{"credential": "loja", "provider": "tss", "attempt": int64(1), "reason": "internal", "stack": "main.go:1", "took": time.Duration(0)},
		},
		{
			"recovered",
			engine.Outcome{Kind: engine.Obtain, Name: "loja", Provider: "tss", Result: schedule.Renewed, Recovered: 4, Generation: 4},
			zap.InfoLevel, "credential recovered",
			map[string]any{"credential": "loja", "provider": "tss", "attempt": int64(5), "failures": int64(4), "generation": uint64(4), "took": time.Duration(0)},
		},
		{
			"not made durable",
			engine.Outcome{
				Kind: engine.Obtain, Name: "loja", Provider: "tss", Result: schedule.Renewed, Generation: 4,
				SaveError: fmt.Errorf("save %s: %w", canary, syscall.ENOSPC),
			},
			zap.ErrorLevel, "credential renewed",
			map[string]any{
				"credential": "loja", "provider": "tss", "attempt": int64(1), "generation": uint64(4),
				"save_error": "no space left on device", "took": time.Duration(0),
			},
		},
	} {
		t.Run(tt.name, tt.check)
	}
}

func TestLinesOfSinksAndHooks(t *testing.T) {
	for _, tt := range []lineCase{
		{
			"written",
			engine.Outcome{Kind: engine.Deliver, Name: "till", Result: schedule.Renewed, Took: time.Millisecond},
			zap.InfoLevel, "sink written",
			map[string]any{"sink": "till", "attempt": int64(1), "took": time.Millisecond},
		},
		{
			"sink unchanged",
			engine.Outcome{Kind: engine.Deliver, Name: "till", Result: schedule.Unchanged},
			zap.DebugLevel, "sink unchanged",
			map[string]any{"sink": "till", "attempt": int64(1), "took": time.Duration(0)},
		},
		{
			"sink recovered without a write",
			engine.Outcome{Kind: engine.Deliver, Name: "till", Result: schedule.Unchanged, Recovered: 1},
			zap.InfoLevel, "sink recovered",
			map[string]any{"sink": "till", "attempt": int64(2), "failures": int64(1), "took": time.Duration(0)},
		},
		{
			"sink failed",
			failed(engine.Deliver, "till", credential.ReasonInternal, 1, at),
			zap.WarnLevel, "sink delivery failed",
			map[string]any{"sink": "till", "attempt": int64(1), "reason": "internal", "detail": "ours", "took": time.Duration(0)},
		},
		{
			"hook ran",
			engine.Outcome{Kind: engine.RunHook, Name: "till", Result: schedule.Renewed},
			zap.InfoLevel, "hook succeeded",
			map[string]any{"sink": "till", "attempt": int64(1), "took": time.Duration(0)},
		},
		{
			"hook failed",
			failed(engine.RunHook, "till", credential.ReasonTimeout, 1, at),
			zap.WarnLevel, "hook failed",
			map[string]any{"sink": "till", "attempt": int64(1), "reason": "timeout", "detail": "ours", "took": time.Duration(0)},
		},
		{
			"hook recovered",
			engine.Outcome{Kind: engine.RunHook, Name: "till", Result: schedule.Unchanged, Recovered: 2},
			zap.InfoLevel, "hook recovered",
			map[string]any{"sink": "till", "attempt": int64(3), "failures": int64(2), "took": time.Duration(0)},
		},
	} {
		t.Run(tt.name, tt.check)
	}
}

func TestMessagesAreLowerCaseWords(t *testing.T) {
	for _, kind := range []engine.TaskKind{engine.Obtain, engine.Deliver, engine.RunHook} {
		for _, o := range []engine.Outcome{
			{Result: schedule.Renewed},
			{Result: schedule.Unchanged},
			{Result: schedule.Failed},
			{Result: schedule.Renewed, Recovered: 1},
		} {
			o.Kind = kind
			if m := message(o); m == "" || m != strings.ToLower(m) {
				t.Errorf("%v: got message %q, want lower case", o, m)
			}
		}
	}
}

// counts returns the repeats of the lines written, 1 for a line without
// repeats.
func counts(logs *observer.ObservedLogs) []int64 {
	var found []int64
	for _, e := range logs.TakeAll() {
		n, ok := e.ContextMap()["repeats"].(int64)
		if !ok {
			n = 1
		}
		found = append(found, n)
	}
	return found
}

func TestRepeatsAreSummarisedAtGrowingDistance(t *testing.T) {
	reporter, logs := observed(zap.InfoLevel)
	for i := range 40 {
		reporter.Observe(failed(engine.Obtain, "loja", credential.ReasonNetwork, i+1, at.Add(time.Duration(i)*time.Second)))
	}
	if got, want := counts(logs), []int64{1, 2, 4, 8, 16, 32}; !slices.Equal(got, want) {
		t.Errorf("got lines at %v, want %v", got, want)
	}
}

func TestRepeatsAreSaidOnceAnHourAtLeast(t *testing.T) {
	reporter, logs := observed(zap.InfoLevel)
	for i := range 60 { // one every five minutes: twelve per hour
		reporter.Observe(failed(engine.Obtain, "loja", credential.ReasonNetwork, i+1, at.Add(time.Duration(i)*5*time.Minute)))
	}
	if got, want := counts(logs), []int64{1, 2, 4, 8, 16, 28, 32, 44, 56}; !slices.Equal(got, want) {
		t.Errorf("got lines at %v, want %v", got, want)
	}
}

func TestAnotherCauseIsLoggedAtOnce(t *testing.T) {
	network := func(kind engine.TaskKind, name string) engine.Outcome {
		return failed(kind, name, credential.ReasonNetwork, 3, at)
	}
	parked := network(engine.Obtain, "loja")
	parked.Parked = true
	panicked := network(engine.Obtain, "loja")
	panicked.Panicked = true
	for name, other := range map[string]engine.Outcome{
		"reason":     failed(engine.Obtain, "loja", credential.ReasonTLS, 3, at),
		"credential": network(engine.Obtain, "filial"),
		"kind":       network(engine.Deliver, "loja"),
		"hook":       network(engine.RunHook, "loja"),
		"parked":     parked,
		"panicked":   panicked,
	} {
		t.Run(name, func(t *testing.T) {
			reporter, logs := observed(zap.InfoLevel)
			for range 4 { // a fifth would not be logged
				reporter.Observe(network(engine.Obtain, "loja"))
			}
			before := logs.Len()
			reporter.Observe(other)
			if logs.Len() != before+1 {
				t.Error("the new cause was not logged")
			}
			reporter.Observe(network(engine.Obtain, "filial"))
			if logs.Len() == before+1 && name != "credential" {
				t.Error("repeats of another credential were counted")
			}
		})
	}
}

// TestUnsavedStateIsLoggedOnce: a state that cannot be saved is one cause,
// however many records are affected.
func TestUnsavedStateIsLoggedOnce(t *testing.T) {
	reporter, logs := observed(zap.InfoLevel)
	for i := range 40 {
		reporter.ObserveState(at.Add(time.Duration(i)*time.Second), "no space left on device")
		o := failed(engine.Obtain, "loja", credential.ReasonNetwork, i+1, at.Add(time.Duration(i)*time.Second))
		o.SaveError = syscall.ENOSPC
		reporter.Observe(o)
	}
	reporter.ObserveState(at.Add(time.Minute), "input/output error")
	reporter.ObserveState(at.Add(2*time.Minute), "")
	reporter.ObserveState(at.Add(3*time.Minute), "")
	var states []string
	for _, line := range logs.All() {
		if line.Message != "credential renewal failed" {
			states = append(states, fmt.Sprint(line.Level, " ", line.Message, " ", line.ContextMap()["repeats"], " ", line.ContextMap()["failures"]))
		} else if line.Level == zap.ErrorLevel {
			t.Error("the line of an outcome has level error")
		}
	}
	want := []string{
		"error state not saved <nil> <nil>", "error state not saved 2 <nil>", "error state not saved 4 <nil>", "error state not saved 8 <nil>",
		"error state not saved 16 <nil>", "error state not saved 32 <nil>", "error state not saved 41 <nil>", "info state saved again <nil> 41",
	}
	if !slices.Equal(states, want) {
		t.Errorf("got lines %q, want %q", states, want)
	}
	if all := logs.Len(); all != len(want)+6 {
		t.Errorf("got %d lines in total, want %d", all, len(want)+6)
	}
}

func TestSuccessEndsTheCount(t *testing.T) {
	reporter, logs := observed(zap.InfoLevel)
	for range 4 {
		reporter.Observe(failed(engine.Obtain, "loja", credential.ReasonNetwork, 1, at))
	}
	reporter.Observe(engine.Outcome{Kind: engine.Obtain, Name: "loja", Result: schedule.Renewed, Recovered: 4})
	reporter.Observe(engine.Outcome{Kind: engine.Obtain, Name: "loja", Result: schedule.Renewed})
	reporter.Observe(failed(engine.Obtain, "loja", credential.ReasonNetwork, 1, at))
	var messages []string
	for _, e := range logs.All() {
		messages = append(messages, e.Message)
	}
	want := []string{
		"credential renewal failed", "credential renewal failed", "credential renewal failed",
		"credential recovered", "credential renewed", "credential renewal failed",
	}
	if !slices.Equal(messages, want) {
		t.Errorf("got lines %q, want %q", messages, want)
	}
}

func TestInstallForgetsWhatIsGone(t *testing.T) {
	reporter, _ := observed(zap.InfoLevel)
	for _, name := range []string{"stays", "goes"} {
		for _, kind := range []engine.TaskKind{engine.Obtain, engine.Deliver, engine.RunHook} {
			reporter.Observe(failed(kind, name, credential.ReasonNetwork, 1, at))
		}
	}
	reporter.Install(plan.Change{
		Credentials: plan.Difference[plan.Credential]{Removed: []string{"goes"}}, Sinks: plan.Difference[plan.Sink]{Removed: []string{"goes"}},
	})
	if got := len(reporter.series); got != 3 {
		t.Errorf("got %d causes, want 3", got)
	}
}

func TestCauseIsShownByTypeAtDebugOnly(t *testing.T) {
	cause := &url.Error{Op: "Post", URL: "https://host/?password=" + canary, Err: &net.OpError{
		Op: "dial", Net: "tcp", Err: &os.SyscallError{Syscall: "connect", Err: syscall.ECONNREFUSED},
	}}
	outcome := engine.Outcome{
		Kind: engine.Obtain, Name: "loja", Result: schedule.Failed, Failures: 1,
		Fault: &credential.Fault{Reason: credential.ReasonNetwork, Err: cause},
	}
	reporter, logs := observed(zap.DebugLevel)
	reporter.Observe(outcome)
	got := fmt.Sprint(logs.All()[0].ContextMap()["cause_types"])
	if want := "[*url.Error *net.OpError *os.SyscallError syscall.Errno(connection refused)]"; got != want {
		t.Errorf("got cause_types %s, want %s", got, want)
	}
	reporter, logs = observed(zap.InfoLevel)
	reporter.Observe(outcome)
	if fields := logs.All()[0].ContextMap(); fields["cause_types"] != nil {
		t.Errorf("cause_types is logged at level info: %v", fields)
	}
}

func TestTypes(t *testing.T) {
	long := errors.New(canary)
	for range 100 {
		long = fmt.Errorf("%w", long)
	}
	tests := []struct {
		err  error
		want string
	}{
		{context.DeadlineExceeded, "context.deadlineExceededError"},
		{errors.Join(errors.New(canary), &fs.PathError{Err: syscall.EACCES}), "*errors.joinError of *errors.errorString of *fs.PathError of syscall.Errno(permission denied)"},
		{fmt.Errorf("%w %w", io1{}, io1{}), "*fmt.wrapErrors of eventlog.io1 of eventlog.io1"},
		{long, strings.Join(slices.Repeat([]string{"*fmt.wrapError"}, maxTypes), " of ")},
	}
	for _, tt := range tests {
		if got := strings.Join(types(tt.err), " of "); got != tt.want {
			t.Errorf("types = %s, want %s", got, tt.want)
		}
	}
	if got := safeText(fmt.Errorf("%s: %w", canary, io1{})); got != "*fmt.wrapError of eventlog.io1" {
		t.Errorf("safeText = %s", got)
	}
}

// io1 is an error whose text is secret and whose cause is nil.
type io1 struct{}

func (io1) Error() string { return canary }
func (io1) Unwrap() error { return nil }
