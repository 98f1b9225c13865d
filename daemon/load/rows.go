package load

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vigented/vigente/internal/section"
)

// readRows reads the rows of a fleet from a table or a folder.
func (a *assembly) readRows(f *fleet, row func(record) error) error {
	if info, err := os.Stat(f.Rows); err == nil && info.IsDir() {
		a.Config.Watch(filepath.Join(escaped(f.Rows), "*.toml"))
		return a.readFolder(f, row)
	}
	data, err := a.Config.ReadRows(f.Rows)
	if err != nil {
		return unusable(1, "%s", unreadable(err))
	}
	header := func(columns []string) error {
		f.header = columns
		for i, name := range columns {
			if name == "" || slices.Index(columns, name) < i {
				return unusable(1, "has the column %q twice, or one without a name (expected a name for each column, each once)", name)
			}
		}
		a.checkColumns(f)
		return nil
	}
	return readTable(data, f.Windows, header, func(rec record) error {
		rec.file = f.Shown
		return row(rec)
	})
}

// checkColumns reports columns that the templates name but the table lacks.
func (a *assembly) checkColumns(f *fleet) {
	known := func(name string) bool { return slices.Contains(f.header, name) }
	list := strings.Join(f.header, ", ")
	for _, name := range f.RowName.Columns() {
		if !known(name) {
			f.Section.Faultf("name", "there is no column %q (expected one of the table's: %s; write {{ for a literal brace)", name, list)
		}
	}
	f.Credential.Check(f.Section, known, list)
	for _, t := range f.Sinks {
		t.Check(f.Section, known, list)
	}
}

// readFolder reads a folder with one row per file. The header consists of the keys
// of all files.
func (a *assembly) readFolder(f *fleet, row func(record) error) error {
	entries, err := os.ReadDir(f.Rows)
	if err != nil {
		return unusable(1, "%s", unreadable(err))
	}
	var records []record
	keys := map[string]bool{}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".toml") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		rec := record{file: filepath.Join(f.Shown, e.Name()), line: 1}
		data, err := a.Config.ReadRows(filepath.Join(f.Rows, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			rec.problem = unreadable(err)
		} else {
			rec.values, rec.line, rec.problem = section.Columns(rec.file, data)
		}
		for key := range rec.values {
			keys[key] = true
		}
		records = append(records, rec)
	}
	if len(records) == 0 {
		return unusable(1, "holds no rows (expected files *.toml, one a row; an empty folder is taken for one that is just being filled)")
	}
	if f.header = slices.Sorted(maps.Keys(keys)); len(f.header) > 0 {
		a.checkColumns(f)
	}
	used := f.columns()
	for _, rec := range records {
		for _, column := range used {
			if _, ok := rec.values[column]; !ok && rec.problem == "" && keys[column] {
				rec.problem = fmt.Sprintf("the key %s is missing (expected it, since a template of the fleet fills it in)", column)
			}
		}
		if err := row(rec); err != nil {
			return err
		}
	}
	return nil
}

// columns returns the columns that the templates of a fleet use.
func (f *fleet) columns() []string {
	used := f.RowName.Columns()
	used = append(used, f.Credential.Columns()...)
	for _, t := range f.Sinks {
		used = append(used, t.Columns()...)
	}
	slices.Sort(used)
	return slices.Compact(used)
}

// escaped returns the glob pattern that matches only that path.
func escaped(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// unreadable says why a table cannot be read.
func unreadable(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "does not exist (expected a table of rows, or a folder of them)"
	case errors.Is(err, fs.ErrPermission):
		return "may not be read by this user (expected a readable file: change its owner, group or mode)"
	}
	return "cannot be read (expected a regular file of at most 64 MiB, or a folder)"
}
