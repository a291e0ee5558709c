package library

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library/pull/pulltest"
	"github.com/bise-sh/bise/models"
)

// add imports a model with abilities. The file of each is another one.
func add(t *testing.T, l *Library, name string, can ...string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name+".gguf")
	if err := os.WriteFile(path, pulltest.Model(t, uint64(len(name))), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Store().Import(t.Context(), models.Import{Path: path, Name: name, Can: can}); err != nil {
		t.Fatal(err)
	}
}

// refs returns the REF of each mode.
func refs(l *Library) map[string]string {
	m := map[string]string{}
	for _, c := range l.Choices() {
		m[c.Mode] = c.Ref
	}
	return m
}

func TestChoose(t *testing.T) {
	l := newLibrary(t)
	t.Setenv("BISE_MODEL", "")
	if err := l.AddEndpoint("lab", "http://lab", ""); err != nil {
		t.Fatal(err)
	}
	if c := l.Choose("chat", ""); fault.KindOf(c.Err) != fault.NotFound || c.Ref != "" || c.Why != "no model is installed" {
		t.Errorf("nothing is installed: %+v", c)
	}
	add(t, l, "first", "chat")
	all := map[string]string{"chat": "first", "review": "first", "code": "first", "math": "first", "vision": "first", "embed": "first"}
	check := func(what string) {
		t.Helper()
		for mode, ref := range refs(l) {
			if ref != all[mode] {
				t.Errorf("%s: %s uses %q, want %q", what, mode, ref, all[mode])
			}
		}
	}
	check("one model")
	if c := l.Choose("code", ""); c.Err != nil || c.Why != "no installed model can complete code" {
		t.Errorf("code: %+v", c)
	}

	// A model that is installed later changes only what did not work, or not as well.
	add(t, l, "coder", "chat", "fim")
	add(t, l, "solver", "chat", "math")
	all["code"], all["math"] = "coder", "solver"
	check("specialists")
	add(t, l, "later", "chat", "fim", "math", "tools")
	check("a fourth")
	if c := l.Choose("code", ""); c.Source != Best || c.Why != "the best installed" {
		t.Errorf("code: %+v", c)
	}

	if _, err := l.Use("", "LATER"); err != nil {
		t.Fatal(err)
	}
	for mode := range all {
		all[mode] = "later"
	}
	check("a default")
	if c := l.Choose("vision", ""); c.Why != "the default; no installed model can read images" {
		t.Errorf("vision: %+v", c)
	}
	if c := l.Choose("chat", ""); c.Source != Default || c.Why != "the default" {
		t.Errorf("the default: %+v", c)
	}
	if _, err := l.Use("", "first"); err != nil {
		t.Fatal(err)
	}
	for mode := range all {
		all[mode] = "first"
	}
	all["code"] = "coder"
	check("a default that cannot complete code")
	if c := l.Choose("code", ""); c.Why != "the best installed; the default, first, cannot complete code" {
		t.Errorf("code: %+v", c)
	}

	if _, err := l.Use("code", "later"); err != nil {
		t.Fatal(err)
	}
	if c, err := l.Use("math", "lab/big"); err != nil || !c.Remote || c.Name() != "⇡ lab/big" {
		t.Fatalf("%+v, %v", c, err)
	}
	all["code"], all["math"] = "later", "lab/big"
	check("modes")
	if c := l.Choose("code", ""); c.Source != ModeSetting || c.Why != "models.code in config.toml" {
		t.Errorf("code: %+v", c)
	}
	groups := GroupChoices(l.Choices())
	if len(groups) != 5 || strings.Join(groups[0].Modes, " ") != "chat review" || groups[1].Ref != "later" {
		t.Errorf("groups %+v", groups)
	}

	// The next bise reads the same.
	conf, problems, err := config.Load(l.options.Places.File())
	if err != nil || len(problems) > 0 || conf.Model != "first" || conf.Models != (config.Models{Code: "later", Math: "lab/big"}) {
		t.Errorf("saved %+v, %v, %v", conf, problems, err)
	}

	t.Setenv("BISE_MODEL", "solver")
	for mode := range all {
		all[mode] = "solver"
	}
	check("BISE_MODEL")
	if c := l.Choose("code", "coder"); c.Source != Named || c.Ref != "coder" {
		t.Errorf("-m: %+v", c)
	}
	t.Setenv("BISE_MODEL", "nosuch")
	c := l.Choose("code", "")
	if _, advice := fault.Explain(c.Err); fault.KindOf(c.Err) != fault.NotFound || !strings.HasPrefix(advice, "BISE_MODEL sets that name.") || c.Ref != "nosuch" {
		t.Errorf("a wrong name: %+v", c)
	}
	if _, err := l.Use("", "nosuch"); fault.KindOf(err) != fault.NotFound {
		t.Errorf("used a wrong name: %v", err)
	}

	t.Setenv("BISE_MODEL", "")
	for _, mode := range []string{"", "code", "math"} {
		if _, err := l.Use(mode, ""); err != nil {
			t.Fatal(err)
		}
	}
	for mode := range all {
		all[mode] = "first"
	}
	all["code"], all["math"] = "coder", "solver"
	check("settings removed")
}

// A model has one name, however it is found.
func TestOneName(t *testing.T) {
	l := newLibrary(t)
	t.Setenv("BISE_MODEL", "")
	add(t, l, "first", "chat")
	m, err := l.Find("first")
	if err != nil {
		t.Fatal(err)
	}
	for _, ref := range []string{"first", "FIRST", "fir", m.Path} {
		if c := l.Choose("chat", ref); c.Ref != "first" {
			t.Errorf("%s is called %q, %v", ref, c.Ref, c.Err)
		}
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("other.gguf", pulltest.Model(t, 9), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := l.Choose("chat", "other.gguf"); !filepath.IsAbs(c.Ref) || filepath.Base(c.Ref) != "other.gguf" {
		t.Errorf("a file is called %q, %v", c.Ref, c.Err)
	}
}

// Models of bise come before those of other programs, and those that fit before others.
func TestBestIsOwn(t *testing.T) {
	l := newLibrary(t)
	t.Setenv("BISE_MODEL", "")
	if err := os.MkdirAll(l.options.Places.Models, 0o700); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(l.options.Places.Models, "old.gguf")
	if err := os.WriteFile(old, pulltest.Model(t, 3), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(old, time.Unix(1, 0), time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if c := l.Choose("chat", ""); c.Ref != "old" {
		t.Errorf("the only one: %+v", c)
	}
	add(t, l, "imported", "chat")
	if c := l.Choose("chat", ""); c.Ref != "imported" {
		t.Errorf("a file without a manifest comes first: %+v", c)
	}
}
