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

// firstLine is how much of a script the kernel reads to find its interpreter.
const firstLine = 256

// CheckScript says why the kernel would not run a script: what its first line
// holds, or lacks. A file that is no text is not judged.
func CheckScript(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return nil //nolint:nilerr // A program may be executed without being readable.
	}
	defer f.Close() //nolint:errcheck // it was only read
	head := make([]byte, firstLine)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil //nolint:nilerr // nothing there to judge
	}
	return checkHead(head[:n])
}

// checkHead judges the beginning of a program.
func checkHead(head []byte) error {
	rest, marked := bytes.CutPrefix(head, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(head, 0) >= 0 {
		return nil // compiled
	}
	line, script := bytes.CutPrefix(rest, []byte("#!"))
	switch {
	case marked:
		return errors.New("begins with a byte order mark, which hides its first line from the system (save it as UTF-8 without BOM)")
	case !script:
		return errors.New("is text without an interpreter (its first line must be #!/bin/sh or the like)")
	}
	line, _, _ = bytes.Cut(line, []byte("\n"))
	if bytes.HasSuffix(line, []byte("\r")) {
		return errors.New("has Windows line ends (CR LF), so that the system looks for an interpreter with a carriage return in its name " +
			"(save it with Unix line ends: sed -i 's/\\r$//')")
	}
	return checkInterpreter(strings.Fields(string(line)))
}

// checkInterpreter looks for the interpreter that a first line names.
func checkInterpreter(words []string) error {
	if len(words) == 0 {
		return errors.New("names no interpreter in its first line (expected #!/bin/sh or the like)")
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
