package main

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestBill writes the bill of the daemon as a release does.
func TestBill(t *testing.T) {
	dir := t.TempDir()
	binary, spdx, notices := filepath.Join(dir, "vigente"), filepath.Join(dir, "a.json"), filepath.Join(dir, "a.txt")
	command(t, "build", "-trimpath", "-o", binary, "../../cmd/vigente")
	list := command(t, "list", "-deps", "-f", "{{with .Module}}{{.Path}}\t{{.Dir}}{{end}}", "../../cmd/vigente")
	env := map[string]string{"SOURCE_DATE_EPOCH": "1000000000", "GOROOT": strings.TrimSpace(command(t, "env", "GOROOT"))}
	write := func() {
		t.Helper()
		err := run([]string{binary, spdx, notices}, strings.NewReader(list), func(name string) string { return env[name] })
		if err != nil {
			t.Fatal(err)
		}
	}
	write()
	info, err := buildinfo.ReadFile(binary)
	if err != nil || len(info.Deps) < 10 {
		t.Fatal("the binary contains hardly a module", err)
	}
	var d document
	text := read(t, spdx)
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		t.Fatal(err)
	}
	if d.CreationInfo.Created != "2001-09-09T01:46:40Z" {
		t.Errorf("created %s", d.CreationInfo.Created)
	}
	if want := 2 + len(info.Deps); len(d.Packages) != want || len(d.Relationships) != want {
		t.Errorf("%d packages and %d relationships, expected %d", len(d.Packages), len(d.Relationships), want)
	}
	said := read(t, notices)
	var ids []string
	for _, p := range d.Packages {
		if slices.Contains(ids, p.ID) {
			t.Errorf("%s stands for two packages", p.ID)
		}
		ids = append(ids, p.ID)
		if p.ID == binaryID {
			continue
		}
		if p.LicenseDeclared == noAssertion {
			t.Errorf("the licence of %s is not known", p.Name)
		}
		if !strings.Contains(said, "\n"+p.Name+" "+p.VersionInfo+" (") {
			t.Errorf("the notices lack %s %s", p.Name, p.VersionInfo)
		}
	}
	for _, r := range d.Relationships {
		if !slices.Contains(ids, r.To) {
			t.Errorf("a relationship leads to %s, which is not there", r.To)
		}
	}
	if !strings.Contains(said, "Copyright 2009 The Go Authors") {
		t.Error("the notices lack those of Go itself")
	}
	write()
	if read(t, spdx) != text || read(t, notices) != said {
		t.Error("the second bill differs from the first")
	}
}

func command(t testing.TB, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", args...).Output()
	if err != nil {
		t.Fatalf("go %s: %v", args[0], err)
	}
	return string(out)
}

func TestBillIsNeverShort(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readBinary(self, map[string]string{}); err == nil || !strings.Contains(err.Error(), "std") {
		t.Errorf("a module whose source is unknown: %v", err)
	}
	if _, err := readNotices(t.TempDir()); err == nil || !strings.Contains(err.Error(), "no licence file") {
		t.Errorf("a module without a licence: %v", err)
	}
	if _, err := readBinary("main.go", nil); err == nil {
		t.Error("a file that is no binary has a bill")
	}
}

func TestIdentify(t *testing.T) {
	for text, want := range map[string]string{
		"Apache License\n   Version 2.0, January 2004":                                                          "Apache-2.0",
		"MIT\n\nPermission is hereby granted, free of charge, to any person obtaining a copy\nof this software": "MIT",
		"Permission to use, copy, modify, and/or distribute this software for any":                              "ISC",
		"Redistribution and use in source and binary forms, with or without\n":                                  "BSD-2-Clause",
		"all rights reserved": noAssertion,
	} {
		if got := identify(text); got != want {
			t.Errorf("identify(%.30q) = %s, expected %s", text, got, want)
		}
	}
}

func read(t testing.TB, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
