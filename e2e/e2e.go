// Package e2e drives the built binary the way an operator, a script and
// systemd do: configuration files, signals, exit codes, the control socket and
// HTTP. Its backends are the emulators, on loopback.
package e2e
