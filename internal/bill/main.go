// Command bill writes what a release owes its users about the code inside the
// binary: a bill of materials in SPDX 2.3 and the notices that the licences of
// the modules want to see repeated.
//
// It reads the list of modules out of the binary itself, so that the bill can
// name neither more nor less than was linked in. The same binary gives the same
// bytes: the date is $SOURCE_DATE_EPOCH.
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Getenv); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "bill:", err)
		os.Exit(1)
	}
}

// run takes BINARY SPDX NOTICES; in has a line "MODULE<tab>FOLDER" for each
// module, as go list prints it.
func run(args []string, in io.Reader, getenv func(string) string) error {
	if len(args) != 3 {
		return fmt.Errorf("got %d arguments (expected BINARY SPDX NOTICES)", len(args))
	}
	seconds, err := strconv.ParseInt(getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if err != nil {
		return fmt.Errorf("read SOURCE_DATE_EPOCH: %w (expected the seconds of the last commit)", err)
	}
	folders, err := readFolders(in)
	if err != nil {
		return err
	}
	goroot := getenv("GOROOT")
	if goroot == "" {
		return fmt.Errorf("GOROOT is not set (expected what go env GOROOT says)")
	}
	folders[standardLibrary] = goroot
	b, err := readBinary(args[0], folders)
	if err != nil {
		return err
	}
	text, err := b.spdx(time.Unix(seconds, 0).UTC())
	if err != nil {
		return err
	}
	for file, content := range map[string][]byte{args[1]: text, args[2]: b.notices()} {
		if err := os.WriteFile(file, content, 0o644); err != nil { //nolint:gosec // for everybody
			return fmt.Errorf("write the bill: %w", err)
		}
	}
	return nil
}

// readFolders reads where the source of each module lies.
func readFolders(in io.Reader) (map[string]string, error) {
	folders := map[string]string{}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		module, folder, ok := strings.Cut(lines.Text(), "\t")
		if !ok && lines.Text() != "" {
			return nil, fmt.Errorf("read the folders of the modules: %q has no tab", lines.Text())
		}
		folders[module] = folder
	}
	return folders, lines.Err()
}

// standardLibrary is the name of Go's own packages among modules.
const standardLibrary = "std"

// goVersion turns "go1.26.8 X:experiment" into "1.26.8".
func goVersion(text string) string {
	if text == "" {
		text = runtime.Version()
	}
	text, _, _ = strings.Cut(text, " ")
	return strings.TrimPrefix(text, "go")
}
