package main

import (
	"context"
	"fmt"
	"path/filepath"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is a file or a folder of the mounted file system.
type node struct {
	fs.LoopbackNode
	disk *disk
}

func identity(n *fs.Inode) string {
	a := n.StableAttr()
	return fmt.Sprintf("%x.%x", a.Ino, a.Gen)
}

func (n *node) id() string {
	if n.IsRoot() {
		return "root"
	}
	return identity(n.EmbeddedInode())
}

func (n *node) at(name string) string { return filepath.Join("/", n.Path(nil), name) }

func of(child fs.InodeEmbedder) *node { return child.(*node) }

func (n *node) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	if errno := n.disk.gate(ctx, "look", n.at(name)); errno != 0 {
		return nil, errno
	}
	return n.LoopbackNode.Lookup(ctx, name, out)
}

func (n *node) Getattr(ctx context.Context, f fs.FileHandle, out *fuse.AttrOut) syscall.Errno {
	if errno := n.disk.gate(ctx, "look", n.at("")); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Getattr(ctx, f, out)
}

func (n *node) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	if errno := n.disk.gate(ctx, "statfs", n.at("")); errno != 0 {
		return errno
	}
	return n.LoopbackNode.Statfs(ctx, out)
}

func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (child *fs.Inode, h fs.FileHandle, how uint32, errno syscall.Errno) {
	if errno = n.disk.gate(ctx, "create", n.at(name)); errno != 0 {
		return nil, nil, 0, errno
	}
	e := entry{Op: "create", Dir: n.id(), Name: name}
	n.disk.order.Lock()
	defer n.disk.order.Unlock()
	child, h, how, errno = n.LoopbackNode.Create(ctx, name, flags, mode, out)
	if errno != 0 {
		return nil, nil, 0, errno
	}
	e.File = identity(child)
	_ = n.disk.out.Encode(e)
	return child, &file{LoopbackFile: h.(*fs.LoopbackFile), node: of(child.Operations())}, how, 0
}

func (n *node) Open(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.disk.gate(ctx, "open", n.at("")); errno != 0 {
		return nil, 0, errno
	}
	var h fs.FileHandle
	var how uint32
	open := func() (errno syscall.Errno) { h, how, errno = n.LoopbackNode.Open(ctx, flags); return errno }
	errno := syscall.Errno(0)
	if flags&syscall.O_TRUNC != 0 {
		errno = n.disk.change(entry{Op: "truncate", File: n.id()}, open)
	} else {
		errno = open()
	}
	if errno != 0 {
		return nil, 0, errno
	}
	return &file{LoopbackFile: h.(*fs.LoopbackFile), node: n}, how, 0
}

func (n *node) Setattr(ctx context.Context, f fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	set := func() syscall.Errno {
		if own, ok := f.(*file); ok {
			return n.LoopbackNode.Setattr(ctx, own.LoopbackFile, in, out)
		}
		return n.LoopbackNode.Setattr(ctx, f, in, out)
	}
	size, sized := in.GetSize()
	if !sized {
		return set()
	}
	if errno := n.disk.gate(ctx, "truncate", n.at("")); errno != 0 {
		return errno
	}
	return n.disk.change(entry{Op: "truncate", File: n.id(), At: int64(size)}, set)
}

func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (child *fs.Inode, errno syscall.Errno) {
	if errno = n.disk.gate(ctx, "create", n.at(name)); errno != 0 {
		return nil, errno
	}
	n.disk.order.Lock()
	defer n.disk.order.Unlock()
	if child, errno = n.LoopbackNode.Mkdir(ctx, name, mode, out); errno == 0 {
		_ = n.disk.out.Encode(entry{Op: "mkdir", Dir: n.id(), Name: name, File: identity(child)})
	}
	return child, errno
}

func (n *node) Unlink(ctx context.Context, name string) syscall.Errno {
	if errno := n.disk.gate(ctx, "unlink", n.at(name)); errno != 0 {
		return errno
	}
	return n.disk.change(entry{Op: "unlink", Dir: n.id(), Name: name}, func() syscall.Errno { return n.LoopbackNode.Unlink(ctx, name) })
}

func (n *node) Rename(ctx context.Context, name string, to fs.InodeEmbedder, as string, flags uint32) syscall.Errno {
	if errno := n.disk.gate(ctx, "rename", n.at(name)); errno != 0 {
		return errno
	}
	target := of(to)
	if errno := n.disk.gate(ctx, "rename", target.at(as)); errno != 0 {
		return errno
	}
	return n.disk.change(entry{Op: "rename", Dir: n.id(), Name: name, To: target.id(), As: as, How: flags}, func() syscall.Errno {
		return n.LoopbackNode.Rename(ctx, name, to, as, flags)
	})
}

func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (child *fs.Inode, errno syscall.Errno) {
	if errno = n.disk.gate(ctx, "link", n.at(name)); errno != 0 {
		return nil, errno
	}
	errno = n.disk.change(entry{Op: "link", Dir: n.id(), Name: name, File: of(target).id()}, func() (errno syscall.Errno) {
		child, errno = n.LoopbackNode.Link(ctx, target, name, out)
		return errno
	})
	return child, errno
}

// OpendirHandle makes folder syncs visible.
func (n *node) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if errno := n.disk.gate(ctx, "open", n.at("")); errno != 0 {
		return nil, 0, errno
	}
	h, how, errno := n.LoopbackNode.OpendirHandle(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	return &folder{h.(fs.FileReaddirenter), h.(fs.FileSeekdirer), h.(fs.FileReleasedirer), n}, how, 0
}

type folder struct {
	fs.FileReaddirenter
	fs.FileSeekdirer
	fs.FileReleasedirer
	node *node
}

func (f *folder) Fsyncdir(ctx context.Context, _ uint32) syscall.Errno {
	if errno := f.node.disk.gate(ctx, "syncdir", f.node.at("")); errno != 0 {
		return errno
	}
	return f.node.disk.change(entry{Op: "syncdir", Dir: f.node.id()}, func() syscall.Errno { return 0 })
}

// file is an open file.
type file struct {
	*fs.LoopbackFile
	node *node
}

// PassthroughFd makes the kernel send every call to us.
func (*file) PassthroughFd() (int, bool) { return 0, false }

func (f *file) Read(ctx context.Context, buf []byte, at int64) (fuse.ReadResult, syscall.Errno) {
	if errno := f.node.disk.gate(ctx, "read", f.node.at("")); errno != 0 {
		return nil, errno
	}
	return f.LoopbackFile.Read(ctx, buf, at)
}

func (f *file) Write(ctx context.Context, data []byte, at int64) (written uint32, errno syscall.Errno) {
	if errno = f.node.disk.gate(ctx, "write", f.node.at("")); errno != 0 {
		return 0, errno
	}
	errno = f.node.disk.change(entry{Op: "write", File: f.node.id(), At: at, Data: data}, func() (errno syscall.Errno) {
		written, errno = f.LoopbackFile.Write(ctx, data, at)
		return errno
	})
	return written, errno
}

func (f *file) Allocate(ctx context.Context, at, size uint64, mode uint32) syscall.Errno {
	if errno := f.node.disk.gate(ctx, "reserve", f.node.at("")); errno != 0 {
		return errno
	}
	return f.LoopbackFile.Allocate(ctx, at, size, mode)
}

// Fsync does nothing: only the time of the call matters.
func (f *file) Fsync(ctx context.Context, _ uint32) syscall.Errno {
	if errno := f.node.disk.gate(ctx, "sync", f.node.at("")); errno != 0 {
		_ = f.node.disk.change(entry{Op: "lost", File: f.node.id()}, func() syscall.Errno { return 0 })
		return errno
	}
	return f.node.disk.change(entry{Op: "sync", File: f.node.id()}, func() syscall.Errno { return 0 })
}
