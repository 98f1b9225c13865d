package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vigented/vigente/internal/devices"
	"github.com/vigented/vigente/internal/section"
)

// includes returns the files that the include key names, without duplicates,
// pattern by pattern and in lexical order within one.
func (l *loader) includes(main *section.Section) []string {
	var found []string
	patterns := main.Texts(keyInclude)
	if len(l.opt.Given) > 0 {
		for _, s := range l.opt.Given[1:] {
			found = append(found, s.Name)
		}
		return found
	}
	for _, pattern := range patterns {
		switch {
		case pattern == "":
			main.Faultf(keyInclude, `names an empty path (expected e.g. "conf.d/*.toml")`)
			continue
		case strings.Contains(pattern, "**"):
			main.Faultf(keyInclude, "%q contains ** (expected * for one level of folders)", pattern)
			continue
		}
		absolute, matches, err := l.opt.expand(l.config.Path, pattern)
		if hangs, ok := errors.AsType[*devices.HangingError](err); ok {
			main.Faultf(keyInclude, "%q: %v", pattern, hangs)
			l.config.Globs = append(l.config.Globs, absolute)
			continue
		}
		if err != nil {
			main.Faultf(keyInclude, `%q is not a valid pattern (expected e.g. "conf.d/*.toml")`, pattern)
			continue
		}
		l.config.Globs = append(l.config.Globs, absolute)
		if !hasMeta(pattern) && !l.literal(main, pattern, matches[0]) {
			continue
		}
		for _, name := range matches {
			if !slices.Contains(found, name) && !l.opt.sameFile(name, l.config.Path) && (!hasMeta(pattern) || !l.opt.isFolder(name)) {
				found = append(found, name)
			}
		}
	}
	return found
}

// literal checks an include without wildcards, which must exist.
func (l *loader) literal(main *section.Section, pattern, name string) bool {
	info, err := l.opt.stat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		main.Faultf(keyInclude, "%q does not exist (expected a file, or a pattern such as \"conf.d/*.toml\")", pattern)
		// It may be created: watch for it.
		if absolute, err := filepath.Abs(name); err == nil {
			l.config.files = append(l.config.files, absolute)
		}
		return false
	case err == nil && info.IsDir():
		main.Faultf(keyInclude, "%q is a folder (expected the files in it: %q)", pattern, strings.TrimSuffix(pattern, "/")+"/*.toml")
		return false
	}
	return true
}

// expand returns a pattern of the main file as an absolute one, and its matches
// in lexical order, without editors' temporary files.
func (o Options) expand(mainFile, pattern string) (absolute string, matches []string, err error) {
	full := pattern
	if !filepath.IsAbs(pattern) {
		full = filepath.Join(escape(filepath.Dir(mainFile)), pattern)
	}
	if absolute, err = absolutePattern(full); err != nil {
		return "", nil, err
	}
	if !hasMeta(pattern) {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(filepath.Dir(mainFile), pattern)
		}
		return absolute, []string{filepath.Clean(pattern)}, nil
	}
	found, err := within(o, absolute, func() ([]string, error) { return filepath.Glob(full) })
	if err != nil {
		return absolute, nil, err
	}
	for _, name := range found {
		if !Ignored(filepath.Base(name)) && !throughHidden(full, name) {
			matches = append(matches, name)
		}
	}
	slices.Sort(matches)
	return absolute, matches, nil
}

func absolutePattern(full string) (string, error) {
	if filepath.IsAbs(full) {
		return full, nil
	}
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return filepath.Join(escape(here), full), nil
}

// escape makes a pattern that matches only the path itself.
func escape(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

func hasMeta(pattern string) bool { return strings.ContainsAny(pattern, `*?[\`) }

// Ignored reports whether a file is hidden or an editor's temporary file.
// Wildcards never include those.
func Ignored(base string) bool {
	return strings.HasPrefix(base, ".") || strings.HasSuffix(base, "~") ||
		strings.HasPrefix(base, "#") && strings.HasSuffix(base, "#") ||
		strings.HasSuffix(base, ".swp") || strings.HasSuffix(base, ".tmp")
}

// throughHidden reports whether a wildcard of the pattern matched a hidden
// folder on the way to name.
func throughHidden(pattern, name string) bool {
	wild := strings.Split(pattern, "/")
	parts := strings.Split(name, "/")
	for i, part := range parts {
		if i < len(wild) && hasMeta(wild[i]) && strings.HasPrefix(part, ".") && !strings.HasPrefix(wild[i], ".") {
			return true
		}
	}
	return false
}

func (o Options) isFolder(name string) bool {
	info, err := o.stat(name)
	return err == nil && info.IsDir()
}

func (o Options) sameFile(a, b string) bool {
	ia, erra := o.stat(a)
	ib, errb := o.stat(b)
	return erra == nil && errb == nil && os.SameFile(ia, ib)
}
