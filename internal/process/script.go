package process

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Check finds a program like Find, and also says why the kernel could not run it
// if it is a script.
func Check(name string) (string, error) {
	path, err := Find(name)
	if err == nil {
		if script := CheckScript(path); script != nil {
			err = &Error{Program: path, Kind: BadScript, Err: script}
		}
	}
	return path, err
}

// firstLine is how many bytes of a script the kernel reads to find the
// interpreter.
const firstLine = 256

// CheckScript returns an error if the kernel could not run a script because of
// its first line. It accepts any file that is not text.
func CheckScript(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return nil //nolint:nilerr // A program may be executed without being readable.
	}
	defer f.Close() //nolint:errcheck // it was only read
	head := make([]byte, firstLine)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil //nolint:nilerr // nothing to check
	}
	return checkHead(head[:n])
}

// checkHead checks the first bytes of a program.
func checkHead(head []byte) error {
	rest, marked := bytes.CutPrefix(head, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(head, 0) >= 0 {
		return nil // compiled
	}
	line, script := bytes.CutPrefix(rest, []byte("#!"))
	switch {
	case marked:
		return errors.New("begins with a byte order mark, which hides the first line from the kernel (save it as UTF-8 without BOM)")
	case !script:
		return errors.New("is a text file without an interpreter (start it with #!/bin/sh or similar)")
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	if bytes.HasSuffix(line, []byte("\r")) {
		return errors.New("has Windows line endings (CR LF), so the kernel looks for an interpreter whose name ends in a carriage return " +
			"(save it with Unix line endings: sed -i 's/\\r$//')")
	}
	return checkInterpreter(strings.Fields(string(line)))
}

// checkInterpreter checks that the interpreter named in the first line can be
// executed.
func checkInterpreter(words []string) error {
	if len(words) == 0 {
		return errors.New("names no interpreter in its first line (expected #!/bin/sh or similar)")
	}
	if !filepath.IsAbs(words[0]) {
		return fmt.Errorf("names the interpreter %s in its first line (expected an absolute path)", words[0])
	}
	if err := executable(words[0]); err != nil {
		return fmt.Errorf("cannot be run by its interpreter %w", err)
	}
	if filepath.Base(words[0]) != "env" {
		return nil
	}
	for _, word := range words[1:] {
		if strings.HasPrefix(word, "-") || strings.Contains(word, "=") {
			continue
		}
		if _, err := Find(word); err != nil {
			return fmt.Errorf("cannot be run by its interpreter %w", err)
		}
		break
	}
	return nil
}
