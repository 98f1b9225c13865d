package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// settleFor is how long a daemon gets before it counts as idle: it looks at the files
// that it wrote once more.
const settleFor = 10 * time.Second

// idleFor returns how long the idle daemon is measured.
func idleFor(n int) time.Duration {
	if n >= 100_000 {
		return time.Minute
	}
	return 20 * time.Second
}

// bench measures one size.
type bench struct {
	*installation
	window *window
	figures
}

// measure measures one size in a new folder below dir.
func measure(binary, dir string, n int) (figures, error) {
	b := &bench{window: &window{n: n, margin: settleFor + idleFor(n) + 15*time.Second}, figures: figures{size: n}}
	dir, err := os.MkdirTemp(dir, "fleet-")
	if err != nil {
		return b.figures, err
	}
	server, err := serve(filepath.Join(dir, "ca.pem"), b.window.life)
	if err != nil {
		return b.figures, err
	}
	defer server.http.Close()
	// Each program has folders of its own, so that neither pays for files that were
	// removed after the other: ext4 without a journal, for example, searches long for
	// an inode when many have just been freed.
	if err := folders(dir, bareOut, n); err != nil {
		return b.figures, err
	}
	if b.installation, err = install(binary, dir, n, server, renewInTurn); err != nil {
		return b.figures, err
	}
	for _, step := range []func() error{b.plain, b.checked, b.cold, b.again} {
		if err := step(); err != nil {
			return b.figures, err
		}
	}
	b.outage, err = outageOf(binary, dir, n)
	return b.figures, err
}

// plain runs the plain program.
func (b *bench) plain() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, "bare", "https://"+b.server.address+"/", filepath.Join(b.dir, "ca.pem"), b.dir, strconv.Itoa(b.n))
	cmd.Stderr = os.Stderr
	begun := time.Now()
	if err := cmd.Run(); err != nil {
		return err
	}
	b.bareWall = time.Since(begun).Seconds()
	b.bareCPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	return nil
}

func (b *bench) checked() (err error) {
	b.check, err = b.timed("check")
	return err
}

// cold measures the first start, and then the cost of an idle daemon.
func (b *bench) cold() error {
	calls, connections := b.server.calls.Load(), b.server.connections.Load()
	b.window.open()
	cmd, ready, err := b.run()
	if err != nil {
		return err
	}
	defer end(cmd)
	b.coldWall = ready
	if b.coldCPU, err = processor(cmd); err != nil {
		return err
	}
	for i := range b.n {
		if _, err := os.Stat(targetOf(b.dir, ourOut, i)); err != nil {
			return fmt.Errorf("ready before everything was delivered: %w", err)
		}
	}
	b.calls, b.connections = b.server.calls.Load()-calls, b.server.connections.Load()-connections
	time.Sleep(settleFor)
	was, err := processor(cmd)
	if err != nil {
		return err
	}
	time.Sleep(idleFor(b.n))
	now, err := processor(cmd)
	if err != nil {
		return err
	}
	b.idle = (now - was) / idleFor(b.n).Seconds() * 100
	if err := b.readers(); err != nil {
		return err
	}
	if b.peak, err = memory(cmd); err != nil {
		return err
	}
	if err := b.table("-changed"); err != nil {
		return err
	}
	b.reload, err = b.timed("reload")
	return err
}

func (b *bench) readers() (err error) {
	if b.status, err = b.timed("status", "shops/"+shop(b.n/2)); err != nil {
		return err
	}
	if _, b.scrape, err = b.get("/metrics"); err != nil {
		return err
	}
	_, b.page, err = b.get("/")
	return err
}

// again measures a restart with valid tokens, and then the scheduler while they are
// renewed.
func (b *bench) again() error {
	calls := b.server.calls.Load()
	cmd, ready, err := b.run()
	if err != nil {
		return err
	}
	defer end(cmd)
	b.restart, b.restartCalls = ready, b.server.calls.Load()-calls
	if b.restartCPU, err = processor(cmd); err != nil {
		return err
	}
	return b.renewing()
}
