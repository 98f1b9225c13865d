package env_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vigented/vigente/internal/needs"
	"github.com/vigented/vigente/sinks/env"
)

// reader is a program that we did not write and that reads such files: it
// returns the variables of each file, nil for a file that it refuses.
type reader struct {
	name  string
	style env.Style
	read  func(t *testing.T, files [][]byte, keys []string) []map[string]string
}

func readers() []reader {
	return []reader{
		{"dash", env.Shell, throughShell("dash")},
		{"bash", env.Shell, throughShell("bash")},
		{"systemd", env.Systemd, throughSystemd},
		{"docker", env.Docker, throughDocker},
	}
}

// throughShell reads files with the dot command, in an empty folder.
func throughShell(name string) func(*testing.T, [][]byte, []string) []map[string]string {
	return func(t *testing.T, files [][]byte, keys []string) []map[string]string {
		sh := needs.Tool(t, name)
		script := ". \"$0\" >/dev/null 2>&1\n"
		for _, key := range keys {
			script += "[ -n \"${" + key + "+x}\" ] && printf '" + key + "=%s\\0' \"${" + key + "}\"\n"
		}
		script += ":"
		var all []map[string]string
		for _, content := range files {
			folder := t.TempDir()
			path := filepath.Join(folder, "file")
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			cmd := exec.CommandContext(t.Context(), sh, "-c", script, path)
			cmd.Dir, cmd.Env = folder, []string{"PATH=/usr/bin:/bin", "LC_ALL=C.UTF-8"}
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			all = append(all, variables(strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")))
		}
		return all
	}
}

func variables(list []string) map[string]string {
	m := map[string]string{}
	for _, text := range list {
		if key, value, ok := strings.Cut(text, "="); ok {
			m[key] = value
		}
	}
	return m
}

// libsystemd is the library that holds systemd's own reader, and its version.
// VIGENTE_LIBSYSTEMD names another one than the machine's.
func libsystemd(t *testing.T) (path string, version int) {
	t.Helper()
	for _, pattern := range []string{os.Getenv("VIGENTE_LIBSYSTEMD"), "/usr/lib/*/systemd/libsystemd-shared-*.so", "/usr/lib*/systemd/libsystemd-shared-*.so"} {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			number := regexp.MustCompile(`shared-(\d+)`).FindStringSubmatch(found[0])
			version, _ = strconv.Atoi(number[1])
			return found[0], version
		}
	}
	needs.Missing(t, "libsystemd-shared")
	return "", 0
}

// throughSystemd reads files with the function that reads EnvironmentFile=,
// and drops what systemd drops before it starts a program.
func throughSystemd(t *testing.T, files [][]byte, _ []string) []map[string]string {
	python := needs.Tool(t, "python3")
	lib, _ := libsystemd(t)
	const script = `
import ctypes, os, sys
lib, folder = ctypes.CDLL(sys.argv[1]), sys.argv[2]
for n, line in enumerate(sys.stdin):
    path = os.path.join(folder, str(n)).encode()
    with open(path, 'wb') as f:
        f.write(bytes.fromhex(line.strip()))
    strv = ctypes.POINTER(ctypes.c_char_p)()
    r = lib.load_env_file(None, ctypes.c_char_p(path), ctypes.byref(strv))
    out, i = [], 0
    while r >= 0 and strv and strv[i] is not None:
        if lib.env_assignment_is_valid(ctypes.c_char_p(strv[i])) & 0xff:
            out.append(strv[i].hex())
        i += 1
    print('refused' if r < 0 else ' '.join(out))
`
	var in strings.Builder
	for _, content := range files {
		in.WriteString(hex.EncodeToString(content) + "\n")
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", script, lib, t.TempDir())
	cmd.Stdin = strings.NewReader(in.String())
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("python3: %v", err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	if len(lines) != len(files) {
		t.Fatalf("%d answers to %d files", len(lines), len(files))
	}
	var all []map[string]string
	for _, line := range lines {
		if line == "refused" {
			all = append(all, nil)
			continue
		}
		var list []string
		for _, field := range strings.Fields(line) {
			text, err := hex.DecodeString(field)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, string(text))
		}
		all = append(all, variables(list))
	}
	return all
}

// throughDocker asks the docker command to create a container with each file;
// the server it talks to is ours and keeps the environment it was sent.
func throughDocker(t *testing.T, files [][]byte, _ []string) []map[string]string {
	docker := needs.Tool(t, "docker")
	folder := t.TempDir()
	listener, err := net.Listen("unix", filepath.Join(folder, "sock"))
	if err != nil {
		t.Fatal(err)
	}
	sent := make(chan []string, 1)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Content-Type", "application/json")
		if !strings.HasSuffix(r.URL.Path, "/containers/create") {
			_, _ = fmt.Fprint(w, "OK")
			return
		}
		var body struct{ Env []string }
		data, _ := io.ReadAll(r.Body)
		if err := json.Unmarshal(data, &body); err == nil {
			sent <- body.Env
		}
		w.WriteHeader(http.StatusInternalServerError)
		_, _ = fmt.Fprint(w, `{"message":"no more is wanted"}`)
	})}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(listener) // ends with Shutdown
	}()
	defer func() {
		if err := server.Shutdown(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
		<-served
	}()
	var all []map[string]string
	for _, content := range files {
		path := filepath.Join(folder, "file")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), docker, "create", "--env-file", path, "none")
		cmd.Env = []string{"HOME=" + folder, "DOCKER_HOST=unix://" + filepath.Join(folder, "sock"), "PATH=/usr/bin:/bin"}
		_ = cmd.Run() // it fails in any case
		select {
		case list := <-sent:
			all = append(all, variables(list))
		default:
			all = append(all, nil)
		}
	}
	return all
}

// TestReadersOfEdits: what the table expects gives TOKEN to the real readers,
// and changes no other variable.
func TestReadersOfEdits(t *testing.T) {
	for _, r := range readers() {
		t.Run(r.name, func(t *testing.T) {
			keys := []string{"TOKEN", "A", "B", "C", "D"}
			var before, after [][]byte
			var names, values []string
			for _, c := range edits {
				if c.style != r.style || r.name == "dash" && c.name == "bash only" || r.name == "docker" && strings.HasPrefix(c.name, "comments") {
					continue
				}
				want, value := c.want, "NEW"
				if c.unchanged {
					want = c.in
				}
				if c.value != "" {
					value = c.value
				}
				before, after = append(before, []byte(c.in)), append(after, []byte(want))
				names, values = append(names, c.name), append(values, value)
			}
			old, now := r.read(t, before, keys), r.read(t, after, keys)
			for i, name := range names {
				if now[i] == nil {
					if old[i] == nil && len(before[i]) > 0 {
						continue // refused for another line
					}
					t.Errorf("%s: refused", name)
					continue
				}
				if now[i]["TOKEN"] != values[i] {
					t.Errorf("%s: TOKEN is %q, want %q", name, now[i]["TOKEN"], values[i])
				}
				delete(now[i], "TOKEN")
				delete(old[i], "TOKEN")
				if !maps.Equal(old[i], now[i]) {
					t.Errorf("%s: other variables were %q, are %q", name, old[i], now[i])
				}
			}
		})
	}
}

// awkward are values with every byte in every position that could matter.
func awkward() []string {
	list := []string{
		"plain-0.9_~", "a'b", "'", "''", "\"", "\"quoted\"", "'quoted'", "\\", "a\\", "\\n", "$HOME", "${HOME}", "$(id)", "`id`", "a b", " a", "a ",
		"#", "# a", ";", "a;b", "a#b", "=", "==", "a=b", "~", "~root", "*", "?", "[a]", "{a,b}", "!", "&&", "|", "<", ">", "(", ")", "-n", "%s", "\\\\", "\\\"",
		"a\nb", "\n", "a\n", "\\\n", "a\tb", "\t", "a\rb", "\r", "a\r", "a\r\nb", "é", "\u0085", "\u2028", "\U0001f600", "\ufeff", "\xe9", "\xff\xfe", "\x81\x88",
		"x=\"a b\" y='c'", strings.Repeat("0123456789abcdef", 4000), strings.Repeat("a'", 500),
	}
	for b := 1; b < 256; b++ {
		list = append(list, "x"+string([]byte{byte(b)})+"y", string([]byte{byte(b)}))
	}
	r := rand.New(rand.NewPCG(5, 6))
	for range 200 {
		text := make([]byte, 1+r.IntN(20))
		for i := range text {
			text[i] = byte(1 + r.IntN(255))
		}
		list = append(list, string(text))
	}
	return list
}

// TestRoundTrip: the named reader gets exactly the value, or it is refused.
func TestRoundTrip(t *testing.T) {
	for _, r := range readers() {
		t.Run(r.name, func(t *testing.T) {
			var pairs []env.Pair
			want := map[string]string{}
			refused := 0
			for i, value := range awkward() {
				p := pair("V"+strconv.Itoa(i), value)
				if _, err := env.Edit(nil, r.style, []env.Pair{p}); err != nil {
					refused++
					continue
				}
				pairs, want[p.Key] = append(pairs, p), value
			}
			content, err := env.Edit(nil, r.style, pairs)
			if err != nil {
				t.Fatal(err)
			}
			got := r.read(t, [][]byte{content}, slices.Sorted(maps.Keys(want)))[0]
			for key, value := range want {
				if got[key] != value {
					t.Errorf("%q is read as %q", value, got[key])
				}
			}
			if r.style == env.Shell && refused > 0 || len(want) < 150 {
				t.Errorf("%d values refused, %d written", refused, len(want))
			}
		})
	}
}

// TestRefusedValuesAreLost shows that what is refused for a style would not
// arrive, so that nothing is refused without need. Control characters for
// systemd are the exception: newer ones pass them, older ones drop them.
func TestRefusedValuesAreLost(t *testing.T) {
	for name, line := range map[string]string{
		"invalid UTF-8": "V=\"a\xe9\"\n",
		"surrogate":     "V=\"a\xed\xa0\x80\"\n",
		"noncharacter":  "V=\"a\uffff\"\n",
	} {
		if got := throughSystemd(t, [][]byte{[]byte(line)}, nil)[0]; got["V"] != "" {
			t.Errorf("systemd reads %s as %q", name, got["V"])
		}
	}
	for name, line := range map[string]string{
		"invalid UTF-8": "V=a\xe9\n",
		"long line":     "V=" + strings.Repeat("x", 64<<10-len("V=")) + "\n",
		"trailing CR":   "V=a\r\n",
	} {
		if got := throughDocker(t, [][]byte{[]byte(line)}, nil)[0]; strings.HasSuffix(got["V"], "\xe9") || len(got["V"]) > 2 || strings.HasSuffix(got["V"], "\r") {
			t.Errorf("docker reads %s as %q", name, got["V"])
		}
	}
}

// TestSystemdReadsAsWeDo compares our reading of mixtures with systemd's own.
func TestSystemdReadsAsWeDo(t *testing.T) {
	_, version := libsystemd(t)
	fragments := []string{
		"A", "B=", "=", "a", " ", "\t", "\n", "\n", "\r", "\\", "\"", "'", "#", ";", "$", "`", "\\\n", "A=1\n", "B='x", "A=\"y", "\v", "é", "export ",
	}
	r := rand.New(rand.NewPCG(7, 8))
	var files [][]byte
	for range 5000 {
		var b bytes.Buffer
		for range r.IntN(14) {
			b.WriteString(fragments[r.IntN(len(fragments))])
		}
		files = append(files, b.Bytes())
	}
	compared := 0
	for i, got := range throughSystemd(t, files, nil) {
		want, ok := env.SystemdReading(files[i], version < 254)
		if !ok || got == nil {
			continue
		}
		compared++
		if !maps.Equal(got, want) {
			t.Errorf("%q: systemd %d reads %q, we read %q", files[i], version, got, want)
		}
	}
	if compared < len(files)/4 {
		t.Errorf("only %d of %d files were compared", compared, len(files))
	}
}
