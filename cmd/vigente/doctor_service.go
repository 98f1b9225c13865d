package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vigented/vigente/daemon/doctor"
	"github.com/vigented/vigente/internal/atomicfile"
)

const serviceUnit = "vigente.service"

// examineService runs the doctor as a transient service with all settings of
// vigente.service and its drop-ins: the same user, sandbox and secrets. It does not
// disturb the daemon. If a configuration file is named, it replaces the daemon's.
func examineService(ctx context.Context, configFile string) ([]doctor.Finding, error) {
	settings, err := systemctl(ctx, "cat", serviceUnit)
	if err != nil {
		return nil, fmt.Errorf("read the settings of %s: %w (is it installed?)", serviceUnit, err)
	}
	name := "vigente-doctor-" + strconv.Itoa(os.Getpid())
	folder := filepath.Join("/run", name)
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, fmt.Errorf("create a folder for the doctor's findings: %w (run it as root)", err)
	}
	defer os.RemoveAll(folder)
	text, err := doctorUnit(settings, folder, configFile)
	if err != nil {
		return nil, err
	}
	unit := filepath.Join("/run/systemd/system", name+".service")
	edit := func([]byte, bool) ([]byte, error) { return []byte(text), nil }
	if _, err := atomicfile.Replace(ctx, unit, atomicfile.Options{Mode: 0o644, Create: true}, edit); err != nil {
		return nil, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_, _ = systemctl(ctx, "stop", name+".service")
		_, _ = systemctl(ctx, "reset-failed", name+".service")
		_ = os.Remove(unit)
		_, _ = systemctl(ctx, "daemon-reload")
	}()
	if _, err := systemctl(ctx, "daemon-reload"); err != nil {
		return nil, fmt.Errorf("register the doctor's unit with systemd: %w", err)
	}
	_, failed := systemctl(ctx, "start", name+".service")
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	status, err := systemctl(ctx, "show", "--property=ExecMainStatus", "--value", name+".service")
	if err != nil {
		return nil, err
	}
	findings, err := readFindings(folder, strings.TrimSpace(status), failed)
	if err == nil && narrowNetwork(settings) {
		allowBackends(ctx, findings)
	}
	return findings, err
}

// systemctl returns its output. The error is what it wrote to stderr.
func systemctl(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "systemctl", append([]string{"--no-pager"}, args...)...) //nolint:gosec // of ours
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if text := strings.TrimSpace(said.String()); err != nil && text != "" {
		err = errors.New(strings.ReplaceAll(text, "\n", "; "))
	}
	return string(out), err
}

// doctorUnit makes, from the settings of the daemon's unit as printed by systemctl
// cat, a unit that runs the doctor once and writes its output to a folder.
func doctorUnit(settings, folder, configFile string) (string, error) {
	command := strings.Fields(lastOf(settings, "ExecStart"))
	run := slices.Index(command, "run")
	if run < 1 || !strings.HasSuffix(command[0], "/vigente") {
		return "", fmt.Errorf("%s has ExecStart=%s (expected …/vigente run, so that the doctor can take its place)",
			serviceUnit, strings.Join(command, " "))
	}
	command[0] = strings.TrimLeft(command[0], "-@:+!|")
	command = slices.Replace(command, run, run+1, "doctor", "--json")
	if configFile != "" {
		path, err := filepath.Abs(configFile)
		if err != nil {
			return "", fmt.Errorf("find %s: %w", configFile, err)
		}
		command = append(command, "--config", strings.NewReplacer("%", "%%", "$", "$$").Replace(strconv.Quote(path)))
	}
	return settings + `
[Unit]
OnFailure=
OnSuccess=
[Service]
Type=oneshot
ExecCondition=
ExecStartPre=
ExecStart=
ExecStart=` + strings.Join(command, " ") + `
ExecStartPost=
ExecReload=
ExecStop=
ExecStopPost=
Restart=no
WatchdogSec=0
NotifyAccess=none
TimeoutStartSec=2min
SuccessExitStatus=1 3
# Otherwise systemd forgets the status before it is read.
RemainAfterExit=yes
# The running daemon has its socket there.
RuntimeDirectoryPreserve=yes
StandardInput=null
StandardOutput=file:` + folder + `/out
StandardError=file:` + folder + `/err
`, nil
}

// lastOf returns the last value of a setting, which is the one that counts.
func lastOf(settings, key string) string {
	value := ""
	for line := range strings.Lines(strings.ReplaceAll(settings, "\\\n", " ")) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), key+"="); ok {
			value = strings.TrimSpace(v)
		}
	}
	return value
}

// readFindings reads the doctor's output, or explains why it could not start.
func readFindings(folder, status string, failed error) ([]doctor.Finding, error) {
	if why := setUpFault(status); why != "" {
		return nil, fmt.Errorf("start a service like %s: systemd could not set it up, status %s: %s (journalctl -n 20 has the name)", serviceUnit, status, why)
	}
	out, _ := os.ReadFile(filepath.Join(folder, "out")) // absent if it did not start
	var left examined
	if json.Unmarshal(out, &left) == nil && left.Format > 0 {
		return left.Findings, nil
	}
	said, _ := os.ReadFile(filepath.Join(folder, "err"))
	if text := strings.TrimRight(string(said), "\n"); text != "" {
		code, err := strconv.Atoi(status)
		if err != nil || code == exitDone {
			code = exitFailed
		}
		return nil, &exitError{code, strings.Split(text, "\n")}
	}
	return nil, fmt.Errorf("run the doctor like %s: %w", serviceUnit, errors.Join(errors.New("it wrote no findings"), failed))
}

// setUpFault explains the exit codes by which systemd reports that it could not
// set up the sandbox (systemd.exec(5), process exit codes).
func setUpFault(status string) string {
	switch status {
	case "203":
		return "the program cannot be executed"
	case "214", "215", "217":
		return "the user in User= does not exist"
	case "216":
		return "a group in Group= or SupplementaryGroups= does not exist"
	case "226":
		return "a path in ReadWritePaths=, BindPaths= or a similar setting does not exist; with a \"-\" in front of it the service starts without it"
	case "228":
		return "SystemCallFilter= cannot be applied"
	case "238", "239", "240", "241", "242":
		return "a folder in StateDirectory=, RuntimeDirectory= or a similar setting cannot be created"
	case "243":
		return "a secret in LoadCredential= or LoadCredentialEncrypted= does not exist, or was not encrypted for this host and name"
	}
	return ""
}

// narrowNetwork reports whether the unit restricts the network.
func narrowNetwork(settings string) bool { return lastOf(settings, "IPAddressDeny") != "" }

var connecting = regexp.MustCompile(`^connect to (\S+): (.*)$`)

// allowBackends adds the addresses of the backends that were not reached. They
// are resolved here, outside the sandbox.
func allowBackends(ctx context.Context, findings []doctor.Finding) {
	for i := range findings {
		f := &findings[i]
		m := connecting.FindStringSubmatch(f.Detail)
		if f.OK || m == nil || strings.Contains(m[2], "refused") {
			continue // a backend that refuses was reached
		}
		host, _, err := net.SplitHostPort(m[1])
		if err != nil {
			host = m[1]
		}
		addresses, _ := net.DefaultResolver.LookupHost(ctx, host)
		if strings.Contains(m[2], "name") {
			addresses = append(addresses, nameServers()...)
		}
		for _, address := range addresses {
			f.Unit = append(f.Unit, "IPAddressAllow="+address)
		}
		f.Detail += "; the unit has IPAddressDeny=, so it needs IPAddressAllow= with the addresses of the backend and of the name servers"
	}
}

// nameServers returns the addresses in resolv.conf(5).
func nameServers() []string {
	text, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	var all []string
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "nameserver" {
			all = append(all, f[1])
		}
	}
	return all
}
