// Command faultfs is a disk for tests. It mounts a folder at a second path,
// makes chosen calls fail or hang on demand, and records every change in order.
//
//	faultfs FOLDER MOUNTPOINT TRACE
//
// It prints "mounted" and then reads commands from standard input, answering
// each with "ok":
//
//	fail OP ERRNO PART N calls of OP on paths that contain PART fail with ERRNO,
//	                     after the first N, which succeed
//	hang OP PART         such calls do not return
//	heal                 ends all failures and hangs
//	mark TEXT            writes TEXT into the trace
//
// OP is one of create, write, sync, syncdir, rename, unlink, link, truncate,
// reserve, statfs, look, read, open; "any" stands for all of them. End of input
// unmounts.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

func main() {
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, "faultfs:", err)
		os.Exit(1)
	}
}

func run(folder, mountpoint, trace string) error {
	out, err := os.Create(trace)
	if err != nil {
		return err
	}
	defer out.Close()
	var st syscall.Stat_t
	if err := syscall.Stat(folder, &st); err != nil {
		return err
	}
	d := newDisk(out)
	root := &fs.LoopbackRoot{Path: folder, Dev: st.Dev}
	root.NewNode = func(data *fs.LoopbackRoot, _ *fs.Inode, _ string, _ *syscall.Stat_t) fs.InodeEmbedder {
		return &node{LoopbackNode: fs.LoopbackNode{RootData: data}, disk: d}
	}
	top := &node{LoopbackNode: fs.LoopbackNode{RootData: root}, disk: d}
	root.RootNode = top
	_, err = fs.Mount(mountpoint, top, &fs.Options{
		MountOptions: fuse.MountOptions{DirectMountStrict: true, FsName: "faultfs", Name: "faultfs", AllowOther: true},
	})
	if err != nil {
		return err
	}
	fmt.Println("mounted")
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if err := d.obey(strings.Fields(lines.Text())); err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println("ok")
	}
	d.heal()
	// This is not waited for: a copy of the mount may exist in another
	// namespace. The end of this process ends all of them.
	return syscall.Unmount(mountpoint, syscall.MNT_DETACH)
}

// obey executes one command.
func (d *disk) obey(words []string) error {
	switch {
	case len(words) == 1 && words[0] == "heal":
		d.heal()
	case len(words) == 3 && words[0] == "hang":
		d.add(rule{op: words[1], part: words[2], hang: true})
	case len(words) == 5 && words[0] == "fail":
		number, err := strconv.Atoi(words[2])
		if err != nil {
			return err
		}
		spare, err := strconv.Atoi(words[4])
		if err != nil {
			return err
		}
		d.add(rule{op: words[1], part: words[3], errno: syscall.Errno(number), spare: spare})
	case len(words) >= 1 && words[0] == "mark":
		d.mark(strings.Join(words[1:], " "))
	default:
		return fmt.Errorf("unknown command: %q", words)
	}
	return nil
}
