package catalog

import (
	"cmp"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models/licence"
)

func TestFind(t *testing.T) {
	for _, c := range []struct{ ref, name, kind string }{
		{"codestral", "codestral", ""},
		{"Codestral", "codestral", ""},
		{"codestral:q5_k_m", "codestral", "Q5_K_M"},
		{"mistral-nemo:q8_0", "mistral-nemo", "Q8_0"},
		{"nemo", "mistral-nemo", ""},
		{"mistral-small", "mistral-small-3.2", ""},
		{"mistral-7b-instruct-v0.3", "mistral-7b", ""},
		{"mistral-embed", "mistral-embed", ""},
	} {
		m, kind, err := Embedded().Find(c.ref)
		if err != nil || m.Name != c.name || kind != c.kind {
			t.Errorf("Find(%q) is %s, %s, %v; want %s, %s", c.ref, m.Name, kind, err, c.name, c.kind)
		}
	}
}

func TestFindTellsNearNames(t *testing.T) {
	for _, c := range []struct{ ref, near string }{
		{"codestrla", "Did you mean codestral?"},
		{"mistal-nemo:q8_0", "Did you mean mistral-nemo?"},
		{"devstral-smal", "devstral-small-2"},
		{"large", "Did you mean mistral-large-2 or"},
		{"llama", "List them"},
		{"", "List them"},
	} {
		_, _, err := Embedded().Find(c.ref)
		if fault.KindOf(err) != fault.NotFound {
			t.Errorf("Find(%q) gives %v", c.ref, err)
			continue
		}
		if hint := err.(*fault.Error).Advice; !strings.Contains(hint, c.near) {
			t.Errorf("Find(%q) advises %q, which lacks %q", c.ref, hint, c.near)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		words []string
		has   string
		lacks string
	}{
		{nil, "mistral-7b", ""},
		{[]string{"vision"}, "pixtral-12b", "codestral"},
		{[]string{"code"}, "codestral", "mathstral"},
		{[]string{"fim"}, "codestral-mamba", "mistral-7b"},
		{[]string{"MRL"}, "ministral-8b", "ministral-3-8b"},
		{[]string{"vision", "thinking"}, "magistral-small", "pixtral-12b"},
		{[]string{"remote"}, "mistral-embed", "codestral"},
		{[]string{"base"}, "mistral-nemo-base", "mistral-nemo"},
	} {
		var list []string
		for _, m := range Embedded().Match(c.words...) {
			list = append(list, m.Name)
		}
		if !slices.Contains(list, c.has) || slices.Contains(list, c.lacks) {
			t.Errorf("%q matches %q: it must have %q and not %q", c.words, list, c.has, c.lacks)
		}
	}
}

func TestOf(t *testing.T) {
	for _, c := range []struct{ repo, name string }{
		{"mistralai/codestral-22b-v0.1", "codestral"},
		{"bartowski/Codestral-22B-v0.1-GGUF", "codestral"},
		{"mistralai/Mistral-Small-Instruct-2409", "mistral-small-2409"},
		{"somebody/else", ""},
		{"", ""},
	} {
		if m, ok := Embedded().ByRepo(c.repo); m.Name != c.name || ok != (c.name != "") {
			t.Errorf("%q is of %q", c.repo, m.Name)
		}
	}
}

// Every row says what a person and a download need to know of it.
func TestRowsAreComplete(t *testing.T) {
	unverifiable := map[string]bool{}
	for f := range reflect.TypeFor[Model]().Fields() {
		unverifiable[f.Tag.Get("toml")] = true
	}
	for _, m := range Embedded().All() {
		bad := func(format string, args ...any) { t.Helper(); t.Errorf(m.Name+": "+format, args...) }
		if m.Title == m.Name || m.About == "" {
			bad("it has no title or is for nothing")
		}
		if !m.Local() && m.Obstacle == "" && len(m.Remote) == 0 {
			bad("there is no way to run it")
		}
		if m.Local() && m.Shape == nil && m.Parameters == 0 {
			bad("nobody knows how large it is")
		}
		terms, ok := m.Terms()
		if m.Repo != "" && (!ok || terms.ID == licence.Unstated) {
			bad("it has no licence")
		}
		if terms.Ask && terms.Link == "" {
			bad("it asks for a yes to a text that is nowhere: %s", terms.ID)
		}
		if len(m.Can) == 0 && !m.Base && m.Obstacle == "" {
			bad("it can do nothing")
		}
		if m.Has(Vision) && m.Vision == nil && m.Local() {
			bad("it sees with nothing")
		}
		for _, f := range m.Files {
			if !slices.Contains(m.GGUF, f.Repo) {
				bad("%s is in %s, which is not among %s", f.Path, f.Repo, m.GGUF)
			}
		}
		for _, field := range m.Unverified {
			if !unverifiable[field] {
				bad("%q is no field", field)
			}
		}
		if newer, _, err := Embedded().Find(cmp.Or(m.Newer, m.Name)); err != nil || newer.Newer != "" && m.Newer != "" {
			bad("the newer model %s is itself old", m.Newer)
		}
	}
}

func TestLoad(t *testing.T) {
	before := Embedded().All()
	path := filepath.Join(t.TempDir(), "catalog.toml")
	write(t, path, `
[[model]]
name = "codestral"
title = "Our Codestral"
aliases = ["code"]
sampling = { temperature = 0.1 }
files = [ { repo = "us/codestral", path = "sub/codestral-q3.gguf", type = "q3_k_m" } ]
gguf = ["us/codestral"]

[[model]]
name = "mistral-nemo"
sampling = { top_p = 0.9 }

[[model]]
name = "ours"
repo = "us/ours"
licence = "apache-2.0"
shape = "ours"
colour = "red"

[shape.ours]
architecture = "llama"
layers = 2
width = 64
heads = 4
kv_heads = 2
head_width = 16
ffn = 128
vocabulary = 1000
`)
	c, problems, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(problems) != 1 || !strings.Contains(problems[0], "colour") || !strings.Contains(problems[0], path) {
		t.Errorf("problems are %q", problems)
	}
	m, _, err := c.Find("code")
	if err != nil {
		t.Fatal(err)
	}
	if m.Name != "codestral" || m.Title != "Our Codestral" || !m.UserDefined || len(m.Files) != 1 || m.Licence != "MNPL-0.1" || m.Shape == nil || *m.Sampling.Temperature != 0.1 {
		t.Errorf("the changed row is %+v", m)
	}
	if _, _, err := c.Find("codestral-22b"); err == nil {
		t.Error("an alias that was taken away is still there")
	}
	if nemo, _, _ := c.Find("mistral-nemo"); nemo.Sampling.Temperature != nil || *nemo.Sampling.TopP != 0.9 {
		t.Errorf("the sampling is %+v", nemo.Sampling)
	}
	ours, _, err := c.Find("ours")
	if err != nil || ours.Title != "ours" || ours.Shape == nil || ours.Shape.Layers != 2 || !ours.UserDefined {
		t.Errorf("the new row is %+v, %v", ours, err)
	}
	if !reflect.DeepEqual(before, Embedded().All()) {
		t.Error("reading a person's file changed the embedded catalogue")
	}
	if c, _, err := Load(filepath.Join(t.TempDir(), "none")); err != nil || len(c.All()) != len(before) {
		t.Errorf("without a file: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	const shape = "[shape.x]\narchitecture = \"llama\"\nwidth = 64\nheads = 4\nkv_heads = 2\nhead_width = 16\nffn = 128\nvocabulary = 1000\n"
	for _, c := range []struct{ name, text, what string }{
		{"no TOML", "[[model]\n", "line 2"},
		{"no name", "[[model]]\ntitle = \"x\"\n", "invalid name \"\""},
		{"a name with a slash", "[[model]]\nname = \"a/b\"\n", "a/b"},
		{"a wrong type", "[[model]]\nname = \"x\"\ncontext = \"long\"\n", "context"},
		{"an escape in a title", "[[model]]\nname = \"x\"\ntitle = \"\\u001b[2J\"\n", "control characters"},
		{"an unknown ability", "[[model]]\nname = \"x\"\ncan = [\"fly\"]\n", "fly"},
		{"a path that climbs", "[[model]]\nname = \"x\"\nfiles = [{repo = \"a/b\", path = \"../x.gguf\", type = \"Q8_0\"}]\n", "../x.gguf"},
		{"a path with a backslash", "[[model]]\nname = \"x\"\nfiles = [{repo = \"a/b\", path = 'c\\x.gguf', type = \"Q8_0\"}]\n", `c\`},
		{"a hash that is none", "[[model]]\nname = \"x\"\nfiles = [{repo = \"a/b\", path = \"x.gguf\", type = \"Q8_0\", sha256 = \"abc\"}]\n", "sha256"},
		{"a type that is none", "[[model]]\nname = \"x\"\nfiles = [{repo = \"a/b\", path = \"x.gguf\", type = \"Q9\"}]\n", "Q9"},
		{"no repository", "[[model]]\nname = \"x\"\nrepo = \"http://a\"\n", "owner/name"},
		{"an alias of another", "[[model]]\nname = \"x\"\naliases = [\"nemo\"]\n", "mistral-nemo"},
		{"an alias that is a name", "[[model]]\nname = \"x\"\naliases = [\"codestral\"]\n", "codestral"},
		{"a shape that is not there", "[[model]]\nname = \"x\"\nshape = \"y\"\n", "[shape.y]"},
		{"a shape without layers", shape, "layers"},
		{"a shape beyond bounds", shape + "layers = 100000\n", "too large"},
		{"a tower of nothing", "[vision.x]\nlayers = 3\n", "at least 1"},
		{"a successor that is not there", "[[model]]\nname = \"x\"\nnewer = \"y\"\n", "\"y\""},
		{"a temperature below zero", "[[model]]\nname = \"x\"\nsampling = {temperature = -1.0}\n", "temperature"},
		{"a plain link", "[[model]]\nname = \"x\"\nlink = \"http://x\"\n", "https"},
		{"a date that is none", "[[model]]\nname = \"x\"\nreleased = \"May\"\n", "May"},
		{"too much", strings.Repeat("#", maxFile+1), "larger than 1048576 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "catalog.toml")
			write(t, path, c.text)
			_, _, err := Load(path)
			e, ok := err.(*fault.Error)
			if !ok || e.Kind != fault.Usage || !strings.Contains(e.Error(), c.what) || !strings.Contains(e.Error(), path) || e.Advice == "" {
				t.Errorf("it says %v, which lacks %q", err, c.what)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("[[model]]\nname = \"x\"\ntitle = \"y\"\nfiles = [{repo = \"a/b\", path = \"x.gguf\", type = \"Q8_0\"}]\n"))
	f.Add([]byte("[[model]]\nname = \"codestral\"\ncan = [\"fim\"]\n[shape.x]\nlayers = 1\n"))
	f.Add(embedded[:2000])
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		c, _, err := parse("catalog.toml", Embedded(), data)
		if err != nil {
			return
		}
		for _, m := range c.All() {
			if controls.MatchString(m.Title + m.About) {
				t.Fatalf("%s would command the terminal: %q", m.Name, m.Title)
			}
			if _, _, err := c.Find(m.Name); err != nil {
				t.Fatal(err)
			}
		}
	})
}
