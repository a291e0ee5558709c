package code

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLayoutOf(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		".editorconfig":      "tab_width = 3\nroot = true\n[*]\nindent_style = space\nindent_size = 2\n; comment\n[*.go]\nindent_style=tab\ntab_width = 8\n[Makefile]\nindent_style = tab\nindent_size = tab\n[{*.py,*.pyi}]\nindent_size = 4\n[lib/**.js]\nindent_size = 6\n",
		"sub/.editorconfig":  "[*.go]\ntab_width = 5\n",
		"root/.editorconfig": "root = true\n[*]\ntab_width = 200\n",
	} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		path, text string
		want       layout
	}{
		{"a.go", "", layout{8, "\t"}},
		{"sub/a.go", "", layout{5, "\t"}},
		{"sub/deep/a.go", "", layout{5, "\t"}},
		{"a.txt", "", layout{2, "  "}},
		{"x/a.py", "", layout{4, "    "}},
		{"lib/x/y.js", "", layout{6, "      "}},
		{"y.js", "", layout{2, "  "}},
		{"Makefile", "", layout{0, "\t"}},
		{"root/a.go", "", layout{}},
		{"root/a.go", "/* vim: set ts=2 sw=2: */\n", layout{tab: 2}},
		{"root/a.go", "// -*- mode: go; tab-width: 3 -*-\n", layout{tab: 3}},
		{"root/a.go", "1\n2\n3\n4\n5\n6\n// vim: ts=2\n8\n9\n10\n11\n12\n13\n14\n", layout{}},
		{"a.go", "x\n\n// vim:ts=4:sw=4\n", layout{4, "\t"}},
	} {
		if got := layoutOf(filepath.Join(dir, filepath.FromSlash(c.path)), c.text); got != c.want {
			t.Errorf("%s %q: %+v, want %+v", c.path, c.text, got, c.want)
		}
	}
}

// FuzzEditorconfig checks that no pattern panics, and that a width is one that can be drawn.
func FuzzEditorconfig(f *testing.F) {
	f.Add("[*.{a,b}]\ntab_width=4", "x/y.a")
	f.Add("[[!a-c]?**/\\]\nindent_size=8", "x")
	f.Add("[{]\n=\n[]\n[[]", "{")
	f.Fuzz(func(t *testing.T, text, rel string) {
		pairs, _ := editorconfig(text, rel)
		if n := columns(pairs["tab_width"]); n < 0 || n > maxTab {
			t.Fatal(n)
		}
		if n := modeline(text); n < 0 || n > maxTab {
			t.Fatal(n)
		}
	})
}
