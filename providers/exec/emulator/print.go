package emulator

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// exitUnreachable is the exit code of a command that cannot reach the emulator.
const exitUnreachable = 69

// Print is the command: it prints what the emulator says for a form, at an address
// of the form BASE/FORM, and returns the exit code.
func Print(ctx context.Context, address string, stdout, stderr io.Writer) int {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "emulated: this is not an address of the emulator")
		return exitUnreachable
	}
	resp, err := (&http.Client{Transport: &http.Transport{}}).Do(req)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "emulated: the emulator does not answer:", err)
		return exitUnreachable
	}
	defer resp.Body.Close()
	code, err := strconv.Atoi(resp.Header.Get(exitHeader))
	if err != nil {
		_, _ = fmt.Fprint(stderr, "emulated: ")
		_, _ = io.Copy(stderr, resp.Body)
		return exitUnreachable
	}
	if text := resp.Header.Get(stderrHeader); text != "" {
		_, _ = fmt.Fprintln(stderr, text)
	}
	if _, err := io.Copy(stdout, resp.Body); err != nil {
		return exitUnreachable
	}
	return code
}
