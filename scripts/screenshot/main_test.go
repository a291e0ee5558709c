package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPicturesAreOfToday draws every picture of the documentation again from its golden frame.
func TestPicturesAreOfToday(t *testing.T) {
	const folder = "../../docs/interface"
	goldens, err := filepath.Glob("../../tui/testdata/Test*/80x24/dark.golden")
	if err != nil {
		t.Fatal(err)
	}
	frames := map[string]string{}
	for _, golden := range goldens {
		frames[strings.ToLower(strings.TrimPrefix(filepath.Base(filepath.Dir(filepath.Dir(golden))), "Test"))] = golden
	}
	pictures, err := filepath.Glob(folder + "/*.svg")
	if err != nil || len(pictures) < 8 {
		t.Fatalf("%d pictures, %v", len(pictures), err)
	}
	for _, picture := range pictures {
		golden, ok := frames[strings.TrimSuffix(filepath.Base(picture), ".svg")]
		if !ok {
			t.Errorf("%s has no golden frame", picture)
			continue
		}
		dir := t.TempDir()
		if err := convert(dir, golden); err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dir, filepath.Base(picture)))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(picture)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is old; draw it again: go run ./scripts/screenshot docs/interface %s", picture, strings.TrimPrefix(golden, "../../"))
		}
	}
}
