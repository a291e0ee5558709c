package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCorpus checks that there are forty defects and forty clean changes, ten of each in a
// language, that half of each are held out, and that git takes every diff.
func TestCorpus(t *testing.T) {
	all, err := changes()
	if err != nil {
		t.Fatal(err)
	}
	type kind struct {
		language     string
		defect, held bool
	}
	counts := map[kind]int{}
	names := map[string]bool{}
	for _, c := range all {
		counts[kind{c.language, c.defect != "", c.held}]++
		if names[c.language+c.name] {
			t.Errorf("%s/%s appears twice", c.language, c.name)
		}
		names[c.language+c.name] = true
	}
	for _, language := range languages {
		for _, defect := range []bool{true, false} {
			for _, held := range []bool{true, false} {
				if n := counts[kind{language, defect, held}]; n != 5 {
					t.Errorf("%s, defect %v, held %v: %d cases, want 5", language, defect, held, n)
				}
			}
		}
	}
	git, err := exec.LookPath("git")
	if err != nil {
		t.Skip("git is not installed")
	}
	for _, c := range all {
		dir := t.TempDir()
		var before strings.Builder
		for line := range strings.Lines(c.diff[strings.Index(c.diff, "@@\n")+3:]) {
			if line[0] != '+' {
				before.WriteString(line[1:])
			}
		}
		path := filepath.Join(dir, filepath.FromSlash(c.path))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if before.Len() > 0 {
			if err := os.WriteFile(path, []byte(before.String()), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		apply := exec.Command(git, "apply")
		apply.Dir = dir
		apply.Stdin = strings.NewReader(c.diff)
		apply.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir))
		if out, err := apply.CombinedOutput(); err != nil {
			t.Errorf("%s/%s: %v: %s\n%s", c.language, c.name, err, out, c.diff)
			continue
		}
		after, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(after), "\n")
		for _, line := range c.lines {
			if line > len(lines) {
				t.Errorf("%s/%s: the defect is at line %d of %d", c.language, c.name, line, len(lines))
			}
		}
	}
}

func TestTable(t *testing.T) {
	named := regexp.MustCompile("(?i)nil")
	cases := []change{{defect: "x", named: named, lines: []int{10}}, {defect: "y", named: named, lines: []int{4}}, {}}
	found := [][]finding{
		{{Line: 9, EndLine: 9, Title: "Nil map", Confidence: 0.9}, {Line: 10, Title: "no comment", Confidence: 0.2}},
		{{Line: 20, Title: "nil", Confidence: 0.4}},
		{{Line: 1, Title: "nil", Confidence: 0.6}},
	}
	var b bytes.Buffer
	table(&b, cases, found)
	for _, want := range []string{
		"≥ 0.00      4         1      25 %       1 of 2         50 %    1 of 1",
		"≥ 0.50      2         1      50 %       1 of 2         50 %    1 of 1",
		"≥ 0.90      1         1      100 %      1 of 2         50 %    0 of 1",
		"≥ 0.95      0         0      –          0 of 2         0 %     0 of 1",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("want %q in\n%s", want, b.String())
		}
	}
}
