package main

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestASignalBeforeTheCommandCounts(t *testing.T) {
	early := make(chan os.Signal, 1)
	ctx, stop := endingOnSignals(t.Context(), early)
	defer stop()
	if ctx.Err() != nil {
		t.Error("ended without a signal")
	}
	early <- syscall.SIGTERM
	ctx, stop = endingOnSignals(t.Context(), early)
	defer stop()
	if ctx.Err() == nil {
		t.Error("a signal that came early was forgotten")
	}
}

func TestOnlyTheDaemonCatchesEarly(t *testing.T) {
	for args, want := range map[string]string{
		"run": "run", "-c x run": "run", "--config x run --once": "run", "--config=x run": "run", "wait run": "wait", "-c run": "", "": "", "--help": "",
	} {
		if got := commandOf(strings.Fields(args)); got != want {
			t.Errorf("%q is %q, want %q", args, got, want)
		}
	}
	if catchEarly([]string{"wait", "run"}) != nil {
		t.Error("another command does not end by a signal")
	}
}
