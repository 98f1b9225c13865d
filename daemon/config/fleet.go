package config

import (
	"strings"

	"github.com/vigented/vigente/internal/section"
)

// fleet reads the table of one fleet. The loader reads its templates once per
// row.
func fleet(s *section.Section) Fleet {
	f := Fleet{Name: s.Name(), Section: s, Shown: strings.TrimSpace(s.Required("rows"))}
	f.Rows = s.FilePath("rows")
	s.Required("name")
	f.RowName = section.Value(s, "name", section.Text{}, `a text with the columns that name a row, such as "{code}"`, section.ColumnText)
	f.Refuse = s.Choice("bad_row", "skip", "skip", "refuse") == "refuse"
	f.Windows = s.Choice("encoding", "utf-8", "utf-8", "windows-1252") == "windows-1252"
	f.Credential = s.Template("credential")
	if f.Credential == nil && !s.Has("credential") {
		s.Faultf("credential", "is missing (expected a table [%s.credential] with the keys of a credential)", s.Path())
	}
	f.Sinks = s.Templates("sinks")
	for _, t := range f.Sinks {
		if !nameForm.MatchString(t.Name()) {
			s.Faultf("sinks."+t.Name(), "is not a valid name (expected lower-case letters, digits, _ and -, at most 64, the first a letter or a digit)")
		}
	}
	return f
}

// ValidName reports whether text is a valid name of an object.
func ValidName(text string) bool { return nameForm.MatchString(text) }
