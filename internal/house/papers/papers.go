// Package papers parses the project's Markdown files for tests that compare
// them with the code.
package papers

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Paper is a parsed Markdown file.
type Paper struct {
	File     string
	Headings []int // heading levels
	Blocks   []Block
	Prose    string // without the blocks
}

// Block is a fenced code block.
type Block struct{ Language, Text string }

// Read parses the Markdown file below root.
func Read(t testing.TB, root, file string) Paper {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	p := Paper{File: file}
	open := -1 // index of the open block
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, "```"); ok {
			if open >= 0 {
				open = -1
				continue
			}
			open = len(p.Blocks)
			p.Blocks = append(p.Blocks, Block{Language: strings.TrimSpace(rest)})
			continue
		}
		if open >= 0 {
			p.Blocks[open].Text += line
			continue
		}
		p.Prose += line
		if level := len(line) - len(strings.TrimLeft(line, "#")); level > 0 {
			p.Headings = append(p.Headings, level)
		}
	}
	if open >= 0 {
		t.Errorf("%s: unclosed block", file)
	}
	return p
}

// All parses every Markdown file below root, the module root.
func All(t testing.TB, root string) []Paper {
	t.Helper()
	var all []Paper
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == "dist" && d.IsDir(): // output of make package
			return fs.SkipDir
		case d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "node_modules"):
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, ".md"):
			rel, err := filepath.Rel(root, name)
			if err != nil {
				return err
			}
			all = append(all, Read(t, root, filepath.ToSlash(rel)))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
