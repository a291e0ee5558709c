package cli

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCaskHasEveryManualPage compares commands with the pages that .goreleaser.yaml lists: the cask
// of a release cannot say "all".
func TestCaskHasEveryManualPage(t *testing.T) {
	const name = "../.goreleaser.yaml"
	config, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?m)(^ *- share/man/man1/.*\n)+`)
	have := list.FindString(string(config))
	var pages []string
	root := testRoot()
	for _, cmd := range append(allCommands(root), root) {
		if !cmd.Hidden {
			pages = append(pages, "      - share/man/man1/"+strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1.gz\n")
		}
	}
	slices.Sort(pages)
	want := strings.Join(pages, "")
	switch {
	case have == want:
	case updating():
		if err := os.WriteFile(name, []byte(list.ReplaceAllString(string(config), want)), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("manpages in .goreleaser.yaml are\n%s\nwant (make golden writes them)\n%s", have, want)
	}
}
