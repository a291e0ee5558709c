package main

import (
	"embed"
	"fmt"
	"regexp"
	"strings"
)

//go:embed review/*.txt
var corpus embed.FS

// languages are the files of the corpus.
var languages = []string{"go", "python", "typescript", "c"}

// A change is one case of the corpus: a small change of one file, with a planted defect
// or without one.
type change struct {
	language, name string
	path           string
	defect         string         // what is wrong; "" for a clean change
	named          *regexp.Regexp // what a finding says that names the defect, in any case of letters
	lines          []int          // the lines of the new file that are wrong, from 1
	diff           string         // as git writes it
	held           bool           // in the half that is not developed on
}

// id is the language and the name of a case.
func (c *change) id() string { return c.language + "/" + c.name }

// changes reads the corpus. In its files a case begins with a line such as
//
//	=== nil-map · defect · what is wrong
//	named: nil|panic
//	file: internal/words/count.go
//
// The body of one hunk follows, in which ! stands for the + of an added line that is wrong.
func changes() ([]change, error) {
	var all []change
	for _, language := range languages {
		data, err := corpus.ReadFile("review/" + language + ".txt")
		if err != nil {
			return nil, err
		}
		parts := strings.Split("\n"+string(data), "\n=== ")
		for i, part := range parts[1:] {
			c, err := parseChange(part)
			if err != nil {
				return nil, fmt.Errorf("%s.txt: %w", language, err)
			}
			c.language, c.held = language, i%2 == 1
			all = append(all, c)
		}
	}
	return all, nil
}

func parseChange(text string) (change, error) {
	head, rest, _ := strings.Cut(text, "\n")
	fields := strings.Split(head, " · ")
	if len(fields) < 2 || (fields[1] == "defect") != (len(fields) == 3) {
		return change{}, fmt.Errorf("a case begins with its name, its kind and for a defect what is wrong: %q", head)
	}
	c := change{name: fields[0]}
	if len(fields) == 3 {
		c.defect = fields[2]
		pattern, after, _ := strings.Cut(rest, "\n")
		pattern, ok := strings.CutPrefix(pattern, "named: ")
		if !ok {
			return change{}, fmt.Errorf("%s: a defect says by which words a finding names it", c.name)
		}
		var err error
		if c.named, err = regexp.Compile("(?i)" + pattern); err != nil {
			return change{}, fmt.Errorf("%s: %w", c.name, err)
		}
		rest = after
	}
	name, body, _ := strings.Cut(rest, "\n")
	var ok bool
	if c.path, ok = strings.CutPrefix(name, "file: "); !ok {
		return change{}, fmt.Errorf("%s: no file name", c.name)
	}
	before, after := 0, 0
	var hunk strings.Builder
	for line := range strings.Lines(strings.TrimRight(body, "\n") + "\n") {
		switch line[0] {
		case ' ':
			before++
			after++
		case '-':
			before++
		case '+':
			after++
		case '!':
			after++
			c.lines = append(c.lines, after)
			line = "+" + line[1:]
		case '\n': // an editor has trimmed an empty line
			before++
			after++
			line = " \n"
		default:
			return change{}, fmt.Errorf("%s: a line without a sign: %q", c.name, line)
		}
		hunk.WriteString(line)
	}
	if (c.defect != "") != (len(c.lines) > 0) {
		return change{}, fmt.Errorf("%s: a defect has a line with !, a clean change has none", c.name)
	}
	c.diff = fmt.Sprintf("diff --git a/%[1]s b/%[1]s\n--- a/%[1]s\n+++ b/%[1]s\n@@ -%[2]d,%[3]d +1,%[4]d @@\n%[5]s",
		c.path, min(1, before), before, after, hunk.String())
	return c, nil
}
