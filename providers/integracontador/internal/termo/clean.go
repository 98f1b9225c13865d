package termo

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
)

var (
	// fileEscapes are those the vendor asks for.
	fileEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;", "'", "&apos;")
	// canonicalEscapes are those of Canonical XML 1.0, 2.3. Clean has already
	// removed tabs and line ends.
	canonicalEscapes = strings.NewReplacer("&", "&amp;", "<", "&lt;", `"`, "&quot;")
)

func byName(attributes []attribute) []attribute {
	return slices.SortedFunc(slices.Values(attributes), func(a, b attribute) int { return cmp.Compare(a.name, b.name) })
}

// Clean returns a name as it may appear in the document: without invisible
// characters, which are a documented cause of a refused signature, without
// characters that XML cannot represent, and with single plain blanks.
func Clean(name string) string {
	visible := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) || unicode.Is(unicode.Z, r):
			return ' '
		case unicode.Is(unicode.C, r), // control, format, private-use and unpaired surrogate
			unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r),
			unicode.Is(unicode.Variation_Selector, r),
			r == unicode.ReplacementChar, r&0xfffe == 0xfffe:
			return -1
		}
		return r
	}, name)
	return strings.Join(strings.Fields(visible), " ")
}
