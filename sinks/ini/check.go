package ini

import (
	"bytes"
	"errors"
	"strings"
	"unicode"

	"github.com/vigented/vigente/credential"
)

// checkContent refuses content that cannot be edited byte by byte.
func checkContent(content []byte) error {
	switch {
	case len(content) > MaxSize:
		return refusalf("the file is larger than %d MiB (is it an INI file?)", MaxSize>>20)
	case bytes.HasPrefix(content, []byte("\xff\xfe")), bytes.HasPrefix(content, []byte("\xfe\xff")):
		return refusalf("the file is UTF-16 (save it as ANSI: an AppServer does not read UTF-16)")
	case bytes.IndexByte(content, 0) >= 0:
		return refusalf("the file contains a zero byte, so it is not text (is it an INI file?)")
	}
	return nil
}

// checkPairs refuses pairs that would not be separate lines.
func checkPairs(section string, pairs []Pair) error {
	if err := checkName(section); err != nil {
		return refusalf("the section name %v", err)
	}
	seen := make(map[string]bool, len(pairs))
	for _, p := range pairs {
		if err := checkName(p.Key); err != nil {
			return refusalf("the name of a key %v", err)
		}
		if seen[fold(p.Key)] {
			return refusalf("the key %s is configured twice", p.Key)
		}
		seen[fold(p.Key)] = true
		if err := checkValue(p.Value); err != nil {
			return refusalf("the value for %s %v", p.Key, err)
		}
	}
	return nil
}

// checkValue refuses values that a line cannot represent. The error continues
// "the value for KEY" and does not quote the value.
func checkValue(value credential.Secret) error {
	text := value.Reveal()
	if text == "" {
		return errors.New("is empty (a value is never replaced with an empty one)")
	}
	for _, r := range text {
		if unicode.IsControl(r) {
			return errors.New("contains a line break or another control character, which an INI line cannot carry")
		}
	}
	if strings.Trim(text, blanks) != text {
		return errors.New("starts or ends with a blank, which an INI line cannot carry")
	}
	return nil
}

// checkName refuses names that would be read differently. The error continues
// after the name.
func checkName(name string) error {
	switch {
	case name == "":
		return errors.New("is empty (expected a name)")
	case strings.Trim(name, blanks) != name:
		return errors.New("starts or ends with a blank (expected the bare name)")
	case strings.ContainsAny(name, "[]=\r\n"):
		return errors.New("contains a bracket, an equals sign or a line break (expected the bare name)")
	case strings.HasPrefix(name, ";"), strings.HasPrefix(name, "#"), strings.HasPrefix(name, "//"):
		return errors.New("would make its line a comment (expected a name that does not start with ; or # or //)")
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return errors.New("contains a control character (expected the bare name)")
	}
	return nil
}
