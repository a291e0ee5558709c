package main_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// quoted are the words of bise that docs/troubleshooting.md has: **"words"**.
var quoted = regexp.MustCompile(`\*\*"([^"]+)"\*\*`)

// TestSymptomsAreWords looks for each quoted symptom in the strings of the source, so that a
// message cannot change without its explanation.
func TestSymptomsAreWords(t *testing.T) {
	doc, err := os.ReadFile("docs/troubleshooting.md")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == "scripts" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != "."):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil {
					all.WriteString(s + "\n")
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	found := quoted.FindAllStringSubmatch(string(doc), -1)
	for _, m := range found {
		if !strings.Contains(all.String(), m[1]) {
			t.Errorf("docs/troubleshooting.md quotes %q, which is not in the source", m[1])
		}
	}
	if len(found) < 10 {
		t.Errorf("%d symptoms are quoted", len(found))
	}
}
