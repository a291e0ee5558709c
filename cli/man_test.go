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
	config, err := os.ReadFile("../.goreleaser.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var have []string
	for _, m := range regexp.MustCompile(`(?m)^ *- (share/man/man1/.*)$`).FindAllStringSubmatch(string(config), -1) {
		have = append(have, m[1])
	}
	root := testRoot()
	for _, cmd := range append(allCommands(root), root) {
		if cmd.Hidden {
			continue
		}
		page := "share/man/man1/" + strings.ReplaceAll(cmd.CommandPath(), " ", "-") + ".1.gz"
		at := slices.Index(have, page)
		if at < 0 {
			t.Errorf("manpages in .goreleaser.yaml lack %s", page)
			continue
		}
		have = slices.Delete(have, at, at+1)
	}
	if len(have) > 0 {
		t.Errorf("manpages in .goreleaser.yaml name pages of no command: %q", have)
	}
}
