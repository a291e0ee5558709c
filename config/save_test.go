package config

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestSaveInterface(t *testing.T) {
	off := false
	for _, tt := range []struct {
		name, before string
		to           Interface
		want         string // "": it cannot be saved
	}{
		{"no file", "", Interface{Theme: "dark"}, "[interface]\ntheme = \"dark\"\n"},
		{"nothing to say", "model = \"x\" # mine\n", Interface{}, "model = \"x\" # mine\n"},
		{
			"no table", "# mine\nmodel = \"x\"\n[sampling]\nseed = 1",
			Interface{Vim: true, Mouse: &off},
			"# mine\nmodel = \"x\"\n[sampling]\nseed = 1\n\n[interface]\nmouse = false\nvim = true\n",
		},
		{
			"in place", "[interface]\ntheme   =  'dark'   # at night\nvim=true\n\n[sampling]\n",
			Interface{Theme: "light"},
			"[interface]\ntheme   =  \"light\"   # at night\nvim=false\n\n[sampling]\n",
		},
		{
			"at the table's end", "[interface]\n# colours\ntheme = \"dark\"\n\n[interface.keys]\nquit = \"ctrl+q\"\n",
			Interface{Theme: "dark", Thinking: true},
			"[interface]\n# colours\ntheme = \"dark\"\nthinking = true\n\n[interface.keys]\nquit = \"ctrl+q\"\n",
		},
		{"dotted", "interface.theme = \"dark\"\nmodel = \"x\"\n", Interface{Theme: "olive"}, "interface.theme = \"olive\"\nmodel = \"x\"\n"},
		{"bell", "[interface]\nbell = \"always\"\n", Interface{Bell: "never"}, "[interface]\nbell = \"never\"\n"},
		{"unknown keys", "[interface]\nfoo = 1\n", Interface{Vim: true}, "[interface]\nfoo = 1\nvim = true\n"},
		{"no end of line", "[interface]\nvim = true", Interface{Vim: true, Theme: "dark"}, "[interface]\nvim = true\ntheme = \"dark\"\n"},
		{"inline", "interface = { vim = true }\n", Interface{}, ""},
		{"header in a text", "model = '''\n[interface]\n'''\n", Interface{Vim: true}, ""},
		{"broken", "model = = 1\n", Interface{Vim: true}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "bise", "config.toml")
			if tt.before != "" {
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(tt.before), 0o640); err != nil {
					t.Fatal(err)
				}
			}
			err := SaveInterface(path, tt.to)
			data, _ := os.ReadFile(path)
			if tt.want == "" {
				if err == nil || string(data) != tt.before {
					t.Fatalf("error %v, and the file is\n%s", err, data)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(data) != tt.want {
				t.Errorf("the file is\n%s\nwant\n%s", data, tt.want)
			}
			if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
				t.Errorf("%d files are left", len(files))
			}
			c, _, err := Load(path)
			if err != nil || c.Interface.Theme != tt.to.Theme || c.Interface.Vim != tt.to.Vim {
				t.Errorf("it reads as %+v, %v", c.Interface, err)
			}
		})
	}
}

func TestSaveModel(t *testing.T) {
	for _, tt := range []struct {
		name, before, mode, ref string
		want                    string // "": it cannot be saved
	}{
		{"no file", "", "", "small", "model = \"small\"\n"},
		{"in place", "# mine\nmodel = 'big' # fast\n", "", "small", "# mine\nmodel = \"small\" # fast\n"},
		{"before the tables", "[models]\ncode = \"c\"\n", "", "small", "model = \"small\"\n\n[models]\ncode = \"c\"\n"},
		{"after other keys", "threads = 4\n\n[sampling]\nseed = 1\n", "", "a/b", "threads = 4\nmodel = \"a/b\"\n\n[sampling]\nseed = 1\n"},
		{"a mode", "model = \"small\"\n", "code", "c", "model = \"small\"\n\n[models]\ncode = \"c\"\n"},
		{"another mode", "[models]\ncode = \"c\"\n\n[sampling]\n", "math", "m", "[models]\ncode = \"c\"\nmath = \"m\"\n\n[sampling]\n"},
		{"removed", "model = \"small\"\nthreads = 4\n", "", "", "threads = 4\n"},
		{"a mode removed", "[models]\ncode = \"c\"\nmath = \"m\"\n", "code", "", "[models]\nmath = \"m\"\n"},
		{"nothing to remove", "threads = 4\n", "math", "", "threads = 4\n"},
		{"inline", "models = { code = \"c\" }\n", "math", "m", ""},
		{"inline, removed", "models = { code = \"c\", math = \"m\" }\n", "math", "", ""},
		{"broken", "model = = 1\n", "", "small", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.toml")
			if err := os.WriteFile(path, []byte(tt.before), 0o600); err != nil {
				t.Fatal(err)
			}
			err := SaveModel(path, tt.mode, tt.ref)
			data, _ := os.ReadFile(path)
			if tt.want == "" {
				if err == nil || string(data) != tt.before {
					t.Fatalf("error %v, and the file is\n%s", err, data)
				}
				return
			}
			if err != nil || string(data) != tt.want {
				t.Errorf("the file is\n%s\nwant\n%s\nerror %v", data, tt.want, err)
			}
		})
	}
}

func TestModelsOf(t *testing.T) {
	var m Models
	for _, mode := range Modes {
		if m.Of(mode) == nil {
			t.Errorf("no field for %s", mode)
		}
	}
	if n := reflect.TypeFor[Models]().NumField(); n != len(Modes) || m.Of("x") != nil {
		t.Errorf("%d fields for %d modes", n, len(Modes))
	}
	c, problems, err := parse("f", []byte("[models]\ncode = \"c\"\ncod = \"d\"\n"))
	if err != nil || *c.Models.Of("code") != "c" || len(problems) != 1 || problems[0].Suggestion != "code" {
		t.Errorf("%+v, %v, %v", c.Models, problems, err)
	}
}

func TestSaveInterfaceKeepsLinkAndMode(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "dotfiles.toml"), filepath.Join(dir, "config.toml")
	if err := os.WriteFile(real, []byte("model = \"x\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(real, link); err != nil {
		t.Skip(err)
	}
	if err := SaveInterface(link, Interface{Theme: "dark"}); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	if info, err := os.Stat(real); err != nil || info.Mode().Perm() != 0o644 {
		t.Errorf("the file's mode is %v, %v", info.Mode(), err)
	}
}

func TestInterface(t *testing.T) {
	c, problems, err := parse("f", []byte("[interface]\nmouse = false\n[interface.keys]\nquit = \"ctrl+q\"\nnew = [\"f2\", \"ctrl+n\"]\nhelp = []\n"))
	if err != nil || len(problems) > 0 {
		t.Fatal(problems, err)
	}
	k := c.Interface.Keys
	if *c.Interface.Mouse || strings.Join(k["quit"], " ") != "ctrl+q" || strings.Join(k["new"], " ") != "f2 ctrl+n" || k["help"] == nil || len(k["help"]) != 0 {
		t.Errorf("read %+v", c.Interface)
	}
	for text, want := range map[string]string{
		"[interface]\ntheme = \"pink\"":      "line 2: interface.theme: \"pink\" is unknown: want one of auto,",
		"[interface]\nbell = \"loud\"":       "line 2: interface.bell: \"loud\" is unknown: want one of unfocused,",
		"[interface.keys]\nquit = 7":         "a key is a string",
		"[interface.keys]\nquit = [[\"a\"]]": "a key is a string",
	} {
		if _, _, err := parse("f", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// FuzzSet checks that a changed file is the file with the change, or none at all.
func FuzzSet(f *testing.F) {
	f.Add("[interface]\ntheme = \"dark\" # x\n", true)
	f.Add("model = \"x\"\ninterface.vim = true\n", false)
	f.Add("a = '''\n[interface]\nvim = true\n'''\n", true)
	f.Fuzz(func(t *testing.T, text string, vim bool) {
		if len(text) > 1000 {
			return
		}
		before, _, err := parse("f", []byte(text))
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "config.toml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		to := before.Interface
		to.Vim, to.Theme = vim, "olive"
		if SaveInterface(path, to) != nil {
			if data, _ := os.ReadFile(path); string(data) != text {
				t.Fatalf("refused, and changed to %q", data)
			}
			return
		}
		after, _, err := Load(path)
		if err != nil || after.Interface.Vim != vim || after.Interface.Theme != "olive" || after.Model != before.Model {
			t.Fatalf("it became %+v, %v", after, err)
		}
	})
}
