// Package papers reads the Markdown files of the project for the tests that hold
// them to the code.
package papers

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Paper is one Markdown file, taken apart.
type Paper struct {
	File     string
	Headings []int // their levels
	Blocks   []Block
	Prose    string // without the blocks
}

// Block is one fenced block.
type Block struct{ Language, Text string }

// Read takes the Markdown file below root apart.
func Read(t testing.TB, root, file string) Paper {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	p := Paper{File: file}
	open := -1 // index of the block that is open
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
		t.Errorf("%s: a block is not closed", file)
	}
	return p
}

// All reads every Markdown file below root, the root of the module.
func All(t testing.TB, root string) []Paper {
	t.Helper()
	var all []Paper
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.Name() == "dist" && d.IsDir(): // what make package has made
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
