// Package realpath resolves symbolic links, so that two names of one file
// compare equal.
package realpath

import (
	"os"
	"path/filepath"
)

// Of resolves symbolic links as far as the path exists.
func Of(path string) string {
	path = filepath.Clean(path)
	// A link may lead to another link; a chain this long is a loop.
	for range 40 {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			return real
		}
		dir, base := filepath.Split(path)
		dir = filepath.Clean(dir)
		link, err := os.Readlink(path)
		switch {
		case err == nil && filepath.IsAbs(link):
			path = filepath.Clean(link)
		case err == nil:
			path = filepath.Join(dir, link)
		case dir == path:
			return path
		default:
			return filepath.Join(Of(dir), base)
		}
	}
	return path
}
