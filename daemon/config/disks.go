package config

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/readfile"
)

// within calls f, which works on the file at path, and does not wait for a
// hanging file system.
func within[T any](o Options, path string, f func() (T, error)) (T, error) {
	absolute, err := filepath.Abs(path)
	if o.Disks == nil || err != nil {
		return f()
	}
	return devices.Run(context.Background(), o.Disks, devices.Configure, absolute, func(context.Context) (T, error) { return f() })
}

func (o Options) stat(path string) (fs.FileInfo, error) {
	return within(o, path, func() (fs.FileInfo, error) { return os.Stat(path) })
}

// bounded reads a file of the configuration, or one that it refers to.
func (o Options) bounded(path string, limit int64) ([]byte, readfile.Version, error) {
	type content struct {
		data    []byte
		version readfile.Version
	}
	got, err := within(o, path, func() (c content, err error) {
		c.data, c.version, err = readfile.Bounded(path, limit)
		return c, err
	})
	return got.data, got.version, err
}
