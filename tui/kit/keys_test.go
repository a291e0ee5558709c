package kit

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/config"
)

// TestKeysAreDocumented compares the table in docs/interface.md with the keys.
func TestKeysAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/interface.md")
	if err != nil {
		t.Fatal(err)
	}
	k, _ := NewKeymap(nil, []string{"chat", "review", "code", "math", "vision"})
	for _, n := range k.Named() {
		if row := fmt.Sprintf("| `%s` | %s | %s |\n", n.Name, n.keys, n.Help); !strings.Contains(string(page), row) {
			t.Errorf("docs/interface.md has no row %s", row)
		}
	}
}

// TestKeysAreTheirOwn checks that keys mean one thing where they work together:
// those of a conversation and of writing with those of everywhere.
func TestKeysAreTheirOwn(t *testing.T) {
	k, _ := NewKeymap(nil, nil)
	for _, together := range [][]string{
		{"everywhere", "conversation", "writing"},
		{"everywhere", "selected message"},
		{"everywhere", "lists"},
	} {
		means := map[string]string{}
		for _, n := range k.Named() {
			if !slices.Contains(together, n.Group) {
				continue
			}
			for _, key := range n.Binding.Keys() {
				if before := means[key]; before != "" {
					t.Errorf("%s is both %s and %s", key, before, n.Name)
				}
				means[key] = n.Name
			}
		}
	}
}

func TestRemappedKeys(t *testing.T) {
	k, problems := NewKeymap(map[string]config.Keys{"quit": {"f2", "ctrl+q"}, "suspend": {}, "send": {"tab"}, "nonsense": {"x"}}, nil)
	if len(problems) != 1 || problems[0].Key != "interface.keys.nonsense" {
		t.Errorf("the problems are %v", problems)
	}
	if !Matches(KeyPress("f2"), k.Quit) || Matches(KeyPress("ctrl+c"), k.Quit) || k.Suspend.Enabled() || !Matches(KeyPress("tab"), k.Send) {
		t.Error("the keys are not those that were set")
	}
	if help := k.Quit.Help(); help.Key != "f2" {
		t.Errorf("quit is told as %q", help.Key)
	}
}

func TestKeyNames(t *testing.T) {
	for name, want := range map[string]string{"up": "↑", "alt+left": "alt+←", "pgup": "pgup", "ctrl+p": "ctrl+p", "pgdown": "pgdn"} {
		if got := KeyName([]string{name}); got != want {
			t.Errorf("%s is told as %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"enter", "ctrl+p", "alt+shift+z", "space", "a", "?", "ctrl+_", "shift+tab", "alt+/", "+", "ctrl++", "f12", "shift+f3", "insert"} {
		if got := KeyPress(name).String(); got != name {
			t.Errorf("the press of %s is called %q", name, got)
		}
	}
}
