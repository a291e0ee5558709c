package kit

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/config"
)

func TestDefaultKeysAreRight(t *testing.T) {
	k, problems := NewKeymap(nil, []string{"chat", "review"})
	if len(problems) > 0 {
		t.Error(problems)
	}
	for _, n := range k.Named() {
		for _, key := range n.Binding.Keys() {
			if !isKey(key) {
				t.Errorf("%s has the key %q, which is unknown", n.Name, key)
			}
		}
	}
}

func TestKeyProblems(t *testing.T) {
	for _, c := range []struct {
		name string
		set  map[string]config.Keys
		want []string
	}{
		{"right", map[string]config.Keys{"quit": {"ctrl+q", "f12"}, "later": {}, "copy": {"Y"}, "top": {"alt+shift+t"}}, nil},
		{"no such action", map[string]config.Keys{"qiut": {"ctrl+q"}}, []string{`f: unknown key "interface.keys.qiut" is ignored; did you mean "quit"?`}},
		{"no such key", map[string]config.Keys{"quit": {"Ctrl-Q"}}, []string{`f: interface.keys.quit: unknown key name "Ctrl-Q"; did you mean "ctrl+q"?`}},
		{"another name", map[string]config.Keys{"send": {"return"}}, []string{`f: interface.keys.send: unknown key name "return"; did you mean "enter"?`}},
		{"another order", map[string]config.Keys{"send": {"alt+ctrl+s"}}, []string{`f: interface.keys.send: unknown key name "alt+ctrl+s"; did you mean "ctrl+alt+s"?`}},
		{"shift", map[string]config.Keys{"copy": {"shift+y"}}, []string{`f: interface.keys.copy: unknown key name "shift+y"; did you mean "Y"?`}},
		{"space", map[string]config.Keys{"fold": {" "}}, []string{`f: interface.keys.fold: unknown key name " "; did you mean "space"?`}},
		{"no key", map[string]config.Keys{"fold": {"!?!"}}, []string{`f: interface.keys.fold: unknown key name "!?!"`}},
		{"twice", map[string]config.Keys{"models": {"ctrl+r"}}, []string{`f: interface.keys.models: "ctrl+r" is also the key of "conversations"`}},
		{"swapped", map[string]config.Keys{"models": {"ctrl+r"}, "conversations": {"ctrl+l"}}, nil},
		{"everywhere and here", map[string]config.Keys{"send": {"ctrl+n"}}, []string{`f: interface.keys.send: "ctrl+n" is also the key of "new"`}},
		{"as usual", map[string]config.Keys{"rename": {"ctrl+e"}}, nil},
		{"not at the same time", map[string]config.Keys{"save": {"enter"}}, nil},
	} {
		_, problems := NewKeymap(c.set, []string{"chat", "review"})
		var got []string
		for _, p := range problems {
			p.Path = "f"
			got = append(got, p.String())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestKeysOfTheDocuments holds the examples of config.toml in docs to the keys.
func TestKeysOfTheDocuments(t *testing.T) {
	for _, name := range []string{"configuration.md", "interface.md"} {
		data, err := os.ReadFile(filepath.Join("../../docs", name))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, block := range strings.Split(string(data), "```toml\n")[1:] {
			block, _, _ = strings.Cut(block, "```")
			path := filepath.Join(t.TempDir(), "config.toml")
			if err := os.WriteFile(path, []byte(block), 0o600); err != nil {
				t.Fatal(err)
			}
			c, problems, err := config.Load(path)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			_, more := NewKeymap(c.Interface.Keys, []string{"chat", "review"})
			for _, p := range append(problems, more...) {
				t.Errorf("%s: %s", name, p)
			}
			found = found || len(c.Interface.Keys) > 0
		}
		if !found {
			t.Errorf("%s has no example with keys", name)
		}
	}
}
