package tui

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
	page, err := os.ReadFile("../docs/interface.md")
	if err != nil {
		t.Fatal(err)
	}
	k, _ := newKeymap(nil, modes)
	for _, n := range k.named() {
		if row := fmt.Sprintf("| `%s` | %s | %s |\n", n.name, n.keys, n.help); !strings.Contains(string(page), row) {
			t.Errorf("docs/interface.md has no row %s", row)
		}
	}
}

// TestKeysAreTheirOwn checks that keys mean one thing where they work together:
// those of a conversation and of writing with those of everywhere.
func TestKeysAreTheirOwn(t *testing.T) {
	k, _ := newKeymap(nil, modes)
	for _, together := range [][]string{
		{"everywhere", "conversation", "writing"},
		{"everywhere", "selected message"},
		{"everywhere", "lists"},
	} {
		means := map[string]string{}
		for _, n := range k.named() {
			if !slices.Contains(together, n.group) {
				continue
			}
			for _, key := range n.binding.Keys() {
				if before := means[key]; before != "" {
					t.Errorf("%s is both %s and %s", key, before, n.name)
				}
				means[key] = n.name
			}
		}
	}
}

func TestRemappedKeys(t *testing.T) {
	k, unknown := newKeymap(map[string]config.Keys{"quit": {"f2", "ctrl+q"}, "suspend": {}, "send": {"tab"}, "nonsense": {"x"}}, modes)
	if !slices.Equal(unknown, []string{"nonsense"}) {
		t.Errorf("unknown are %q", unknown)
	}
	if !is(keyNamed("f2"), k.Quit) || is(keyNamed("ctrl+c"), k.Quit) || k.Suspend.Enabled() || !is(keyNamed("tab"), k.Send) {
		t.Error("the keys are not those that were set")
	}
	if help := k.Quit.Help(); help.Key != "f2" {
		t.Errorf("quit is told as %q", help.Key)
	}
}

func TestKeyNames(t *testing.T) {
	for name, want := range map[string]string{"up": "↑", "alt+left": "alt+←", "pgup": "pgup", "ctrl+p": "ctrl+p", "pgdown": "pgdn"} {
		if got := keyNames([]string{name}); got != want {
			t.Errorf("%s is told as %q, want %q", name, got, want)
		}
	}
	for _, name := range []string{"enter", "ctrl+p", "alt+shift+z", "space", "a", "?", "ctrl+_", "shift+tab", "alt+/", "+", "ctrl++"} {
		if got := keyNamed(name).String(); got != name {
			t.Errorf("the press of %s is called %q", name, got)
		}
	}
}
