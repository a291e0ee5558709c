package main_test

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// maxColumns bounds the lines of documents, except in code, in tables and where a
// line is one word.
const maxColumns = 110

var link = regexp.MustCompile(`\]\(([^()\s]+)\)|^\[[^\]]+\]: (\S+)`)

// A document is a Markdown file of this repository.
type document struct {
	path  string
	lines []string // without what is in code blocks
	first []int    // the line number of each
}

// documents reads the Markdown files of this repository, but those that tests read and those of packages.
func documents(t *testing.T) []document {
	t.Helper()
	var docs []document
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == "build" || path == "dist" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != "." && d.Name() != ".github"):
			return fs.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		docs = append(docs, prose(path, string(text)))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) == 0 {
		t.Fatal("no documents: is this the module's root?")
	}
	return docs
}

// prose leaves out code blocks, fenced or indented.
func prose(path, text string) document {
	d := document{path: path}
	fenced := false
	for i, line := range strings.Split(text, "\n") {
		switch {
		case strings.HasPrefix(strings.TrimSpace(line), "```"):
			fenced = !fenced
		case fenced || strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "\t"):
		default:
			d.lines, d.first = append(d.lines, line), append(d.first, i+1)
		}
	}
	return d
}

// anchors are the fragments by which a document's headings can be linked to.
func (d document) anchors() map[string]bool {
	all := map[string]bool{}
	for _, line := range d.lines {
		heading := strings.TrimLeft(line, "#")
		if heading == line {
			continue
		}
		all[strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r):
				return unicode.ToLower(r)
			}
			return -1
		}, strings.TrimSpace(heading))] = true
	}
	return all
}

func TestDocumentsAreNarrow(t *testing.T) {
	for _, d := range documents(t) {
		for i, line := range d.lines {
			if n := utf8.RuneCountInString(line); n > maxColumns && !strings.HasPrefix(line, "|") && strings.ContainsAny(line, " ") {
				t.Errorf("%s:%d: %d columns, want at most %d", d.path, d.first[i], n, maxColumns)
			}
		}
	}
}

func TestDocumentsLinkToWhatExists(t *testing.T) {
	docs := documents(t)
	anchors := map[string]map[string]bool{}
	for _, d := range docs {
		anchors[d.path] = d.anchors()
	}
	for _, d := range docs {
		for i, line := range d.lines {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				target, err := url.Parse(m[1] + m[2])
				if err != nil || target.IsAbs() {
					continue
				}
				path := d.path
				if target.Path != "" {
					path = filepath.Join(filepath.Dir(d.path), filepath.FromSlash(target.Path))
				}
				if _, err := os.Stat(path); err != nil {
					t.Errorf("%s:%d: link to %s: %v", d.path, d.first[i], target, err)
				} else if target.Fragment != "" && !anchors[path][target.Fragment] {
					t.Errorf("%s:%d: link to %s: %s has no such heading", d.path, d.first[i], target, path)
				}
			}
		}
	}
}
