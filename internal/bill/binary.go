package main

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// bill is what a binary is made of.
type bill struct {
	main, version, digest string
	settings              map[string]string // GOARCH, vcs.revision and others
	parts                 []part            // in the order of their names, std among them
}

// part is one module that was linked in.
type part struct {
	module, version, sum string
	licence              string // an SPDX identifier, or NOASSERTION
	notice               string // the texts that must be repeated
}

func readBinary(file string, folders map[string]string) (*bill, error) {
	info, err := buildinfo.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the modules of the binary: %w", err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the binary: %w", err)
	}
	digest := sha256.Sum256(content)
	b := &bill{main: info.Main.Path, digest: hex.EncodeToString(digest[:]), settings: map[string]string{}}
	for _, s := range info.Settings {
		b.settings[s.Key] = s.Value
	}
	b.version = b.settings["vcs.revision"]
	if b.version == "" {
		b.version = info.Main.Version
	}
	parts := []part{{module: standardLibrary, version: goVersion(info.GoVersion)}}
	for _, m := range info.Deps {
		if m.Replace != nil {
			m = m.Replace
		}
		parts = append(parts, part{module: m.Path, version: m.Version, sum: m.Sum})
	}
	for _, p := range parts {
		folder, ok := folders[p.module]
		if !ok {
			return nil, fmt.Errorf("find the source of %s: it is in the binary and not in the list of modules", p.module)
		}
		if p.notice, err = readNotices(folder); err != nil {
			return nil, fmt.Errorf("read the licence of %s: %w", p.module, err)
		}
		p.licence = identify(p.notice)
		b.parts = append(b.parts, p)
	}
	slices.SortFunc(b.parts, func(x, y part) int { return strings.Compare(x.module, y.module) })
	return b, nil
}

// readNotices returns the texts in a module's root that go with its code.
func readNotices(folder string) (string, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return "", err
	}
	var texts []string
	for _, e := range entries {
		name, _, _ := strings.Cut(strings.ToUpper(e.Name()), ".")
		if e.IsDir() || !slices.Contains([]string{"LICENSE", "LICENCE", "COPYING", "NOTICE"}, name) {
			continue
		}
		content, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			return "", err
		}
		texts = append(texts, strings.TrimSpace(strings.ReplaceAll(string(content), "\r\n", "\n")))
	}
	if len(texts) == 0 {
		return "", fmt.Errorf("%s has no licence file (expected LICENSE, COPYING or NOTICE)", folder)
	}
	return strings.Join(texts, "\n\n"), nil
}

// identify names the licences that Go modules usually have, by the sentences
// that only they contain.
func identify(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	has := func(sentence string) bool { return strings.Contains(text, sentence) }
	switch {
	case has("Apache License Version 2.0"):
		return "Apache-2.0"
	case has("Mozilla Public License Version 2.0"):
		return "MPL-2.0"
	case has("Permission is hereby granted, free of charge, to any person obtaining a copy"):
		return "MIT"
	case has("Permission to use, copy, modify, and/or distribute this software"), has("Permission to use, copy, modify, and distribute this software"):
		return "ISC"
	case has("Redistribution and use in source and binary forms") && has("Neither the name"):
		return "BSD-3-Clause"
	case has("Redistribution and use in source and binary forms"):
		return "BSD-2-Clause"
	}
	return noAssertion
}
