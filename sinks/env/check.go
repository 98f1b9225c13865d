package env

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
)

// checkContent refuses what no reader takes for text.
func checkContent(content []byte) error {
	switch {
	case len(content) > MaxSize:
		return refusalf("the file is larger than %d MiB (is it a file of variables?)", MaxSize>>20)
	case bytes.HasPrefix(content, []byte("\xff\xfe")), bytes.HasPrefix(content, []byte("\xfe\xff")):
		return refusalf("the file is UTF-16 (save it as UTF-8)")
	case bytes.IndexByte(content, 0) >= 0:
		return refusalf("line %d: the file contains a zero byte, so it is not text (is it a file of variables?)", lineOf(content, bytes.IndexByte(content, 0)))
	}
	return nil
}

// checkKey refuses invalid variable names. The error goes on from "the
// variable".
func checkKey(key string) error {
	if !isName(key) {
		return fmt.Errorf("%q has no valid name (expected letters, digits and underscores, not starting with a digit)", key)
	}
	return nil
}

func isName(text string) bool { return text != "" && nameLength([]byte(text)) == len(text) }

// nameLength returns the length of the name that text starts with.
func nameLength(text []byte) int {
	for i, c := range text {
		letter := c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return i
		}
	}
	return len(text)
}

// maxVariable is the longest KEY=VALUE, with its zero byte, that the kernel
// hands to a program.
const maxVariable = 32 * 4096

var (
	errTooLong  = errors.New("is longer than the kernel allows for a variable (128 KiB; use a sink of type file)")
	errZeroByte = errors.New("holds a zero byte, which no variable can carry (use a sink of type file)")
)

// plain reports whether a value means itself to every reader without quotes.
func plain(value string) bool {
	return value != "" && strings.Trim(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@%+=:,./-") == ""
}
