package filename

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
)

func TestF54_NamesThatMayNotBeMade(t *testing.T) {
	for _, path := range []string{
		"", "/etc/x", `\x`, `C:\x`, "C:/x", "foo/C:/x", `\\host\share`, "a/../../b", "..", ".", "a/./b", "a//b", "a/", "/",
		`a\b`, "a\x00b", "a\nb", "a\x7fb", "a\u0085b", "a:b", "a*", "a?", `a"`, "a<", "a>", "a|b", "x.", "x ", "d./x", "d /x",
		"aux.txt", "AUX", "sub/COM1.json", "lpt9", "COM¹", "nul .txt", "CLOCK$", "conin$", "con.tar.gz",
		"\xff", "a\u202efdp.exe", "a\u2066b", "a\u200bb", "\ufeffa", strings.Repeat("a", 241), strings.Repeat("a/", 512) + "a",
		"%2e%2e%2fx", "a%41", "x.part", "x.journal", ".cache/x",
	} {
		err := Check(path)
		var e *fault.Error
		if !errors.As(err, &e) || e.Kind != fault.Refused || e.Advice == "" {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestNamesThatMay(t *testing.T) {
	for _, path := range []string{
		"config.json", "sub/dir/weird name+%&#é.txt", ".gitattributes", "a..b", "...a", "comx.json", "com10", "console.txt", "a%b",
		"tokenizer.model.v3", strings.Repeat("a", 240), "BF16/m-00001-of-00003.gguf", "模型.gguf", "x.part.gguf",
	} {
		if err := Check(path); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
}

func TestF56_NamesThatMeet(t *testing.T) {
	for _, c := range []struct {
		paths []string
		ok    bool
	}{
		{[]string{"a", "b", "c/a"}, true},
		{[]string{"README.md", "readme.MD"}, false},
		{[]string{"a", "a"}, false},
		{[]string{"caf\u00e9", "cafe\u0301"}, false},
		{[]string{"a", "a/b"}, false},
		{[]string{"A/b", "a"}, false},
		{[]string{"a/b", "A/c"}, true},
		{[]string{"straße", "STRASSE"}, false},
		{[]string{"ab", "a/b", "a.b"}, true},
		{[]string{"a", ".."}, false},
	} {
		if err := CheckAll(c.paths); (err == nil) != c.ok {
			t.Errorf("%q: %v", c.paths, err)
		}
	}
}

func FuzzCheck(f *testing.F) {
	for _, seed := range []string{"a/b", "../x", "aux.txt", "é", "a\\b", "%2e%2e/x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if len(path) > 2048 || Check(path) != nil {
			return
		}
		if !filepath.IsLocal(filepath.FromSlash(path)) || filepath.ToSlash(filepath.Clean(filepath.FromSlash(path))) != path {
			t.Errorf("%q leads elsewhere", path)
		}
		if CheckAll([]string{path, strings.ToUpper(path)}) == nil && fold(path) == fold(strings.ToUpper(path)) {
			t.Errorf("%q does not meet itself", path)
		}
		root, err := os.OpenRoot(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		if err := root.MkdirAll(filepath.FromSlash(path), 0o755); err != nil {
			t.Errorf("%q cannot be made: %v", path, err)
		}
	})
}
