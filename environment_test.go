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

// variable matches names of environment variables that only bise, the hub and other programs
// with models read.
var variable = regexp.MustCompile(`^(BISE|HF|HUGGING_FACE|HUGGINGFACE|TRANSFORMERS|OLLAMA|XDG)_[A-Z_]+$`)

// Set by the system or by git, and not meant for users of bise.
var undocumented = map[string]bool{
	"HOME": true, "NOTIFY_SOCKET": true, "GIT_DIR": true, "GIT_WORK_TREE": true, "all_proxy": true,
	"LLAMA_SERVER": true, // for tests
}

// TestEnvironmentIsDocumented finds the environment variables in the source and looks for each in
// docs/configuration.md.
func TestEnvironmentIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	check := func(place, name string) {
		found++
		if !undocumented[name] && !strings.Contains(string(doc), "`"+name+"`") {
			t.Errorf("%s: docs/configuration.md does not have the variable %s", place, name)
		}
	}
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == "scripts" || d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && path != "."):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "Getenv" || s.Sel.Name == "LookupEnv") && len(n.Args) == 1 {
					if name, ok := n.Args[0].(*ast.BasicLit); ok {
						value, _ := strconv.Unquote(name.Value)
						check(files.Position(n.Pos()).String(), value)
					}
				}
			case *ast.BasicLit:
				if value, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING && variable.MatchString(value) {
					check(files.Position(n.Pos()).String(), value)
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found < 10 {
		t.Errorf("%d variables were found in the source", found)
	}
}
