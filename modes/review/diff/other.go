package diff

import (
	"regexp"
	"strings"
)

// Terminals get diffs with colours, and some users have git write them into pipes too.

// colour matches the escape sequences with which git and diff mark colours.
var colour = regexp.MustCompile(`\x1b\[[0-9;:]*[mK]`)

// coloured matches a line of a diff that begins with a colour.
var coloured = regexp.MustCompile(`(?m)^(?:\x1b\[[0-9;:]*[mK])+(?:diff -|--- |\+\+\+ |@@|Index: |[-+ \\])`)

// parseColoured parses a text that may have colours. Escape sequences in the lines of a
// diff without colours belong to the file, so they are removed only if the text is not a
// complete diff with them. It returns the text without what was removed.
func parseColoured(text string) (files []File, plain string) {
	files = parse(text)
	if !coloured.MatchString(text) {
		return files, text
	}
	plain = colour.ReplaceAllString(text, "")
	if better := parse(plain); len(better) > len(files) || quality(better) > quality(files) {
		return better, plain
	}
	return files, text
}

// quality counts the complete hunks.
func quality(files []File) int {
	n := 0
	for _, f := range files {
		if !f.Damaged {
			n += len(f.Hunks) + 1
		}
	}
	return n
}

// colouredSign matches a line of a hunk that begins with a coloured sign.
var colouredSign = regexp.MustCompile(`(?m)^(?:\x1b\[[0-9;:]*[mK])+[-+](?:[^-+]|$)`)

// hunkStart matches the header of a hunk.
var hunkStart = regexp.MustCompile(`(?m)^@@ -\d+(?:,\d+)? \+\d+(?:,\d+)? @@.*\n`)

// wordChange matches a changed word in a word diff.
var wordChange = regexp.MustCompile(`\[-.*-\]|\{\+.*\+\}`)

// isWordDiff reports whether a hunk is of git diff --word-diff: it has lines without a
// sign in which words are marked, or, as porcelain, lines with ~ only. text is plain
// with its colours: those of --color-words do not begin at a sign.
func isWordDiff(text, plain string, files []File) bool {
	suspect := false
	for _, f := range files {
		suspect = suspect || f.Damaged
		for _, h := range f.Hunks {
			suspect = suspect || f.Kind != Whole && !h.changes()
		}
	}
	if !suspect {
		return false
	}
	if text != plain && !colouredSign.MatchString(text) {
		return true
	}
	starts := hunkStart.FindAllStringIndex(plain, -1)
	for i, at := range starts {
		end := len(plain)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		for line := range strings.Lines(plain[at[1]:end]) {
			line = strings.TrimRight(line, "\r\n")
			if strings.HasPrefix(line, "diff ") {
				break
			}
			signed := strings.HasPrefix(line, "+") || strings.HasPrefix(line, "-")
			if line == "~" || !signed && wordChange.MatchString(line) {
				return true
			}
		}
	}
	return false
}

// changes reports whether a hunk adds or removes a line.
func (h *Hunk) changes() bool {
	for _, l := range h.Lines {
		if l.Op != Context {
			return true
		}
	}
	return false
}

// otherFormats are the outputs of git and diff that are not unified diffs.
var otherFormats = []struct {
	name  string
	match *regexp.Regexp
}{
	{"context", regexp.MustCompile(`(?m)^\*{15}.*\n\*\*\* \d`)},
	{"normal", regexp.MustCompile(`(?m)^\d+(,\d+)?[acd]\d+(,\d+)?\r?\n(<|>) `)},
	{"range-diff", regexp.MustCompile(`(?m)^ *(\d+|-): +([0-9a-f]{4,}|-+) [!=<>] +(\d+|-): `)},
	{"with a prefix before each line", regexp.MustCompile(`(?m)^[|*/\\> ]+(diff --git |@@ -\d)`)},
	{"raw", regexp.MustCompile(`(?m)^:\d{6} \d{6} [0-9a-f]+\.* [0-9a-f]+\.* [A-Z]\d*\t`)},
	{"stat", regexp.MustCompile(`(?m)^ .+ \| +(\d+ [-+]*|Bin.*)\r?$`)},
	{"numstat", regexp.MustCompile(`^(\d+|-)\t(\d+|-)\t\S`)},
	{"name-status", regexp.MustCompile(`^[ACDMRTUX]\d*\t\S`)},
	{"brief", regexp.MustCompile(`(?m)^Files .+ and .+ differ\r?$`)},
	{"side-by-side", regexp.MustCompile(`(?m)^.*\t *[|<>](\t.*)?\r?$`)},
	{"ed", regexp.MustCompile(`(?m)^(\d+(,\d+)?d|\d+(,\d+)?[ac]\r?\n(.*\n)*?\.)\r?$`)},
	{"RCS", regexp.MustCompile(`(?m)^[ad]\d+ \d+\r?$`)},
}

// otherFormat returns the format of a text that is not a unified diff, or "".
func otherFormat(text string) string {
	text = colour.ReplaceAllString(text, "")
	for _, f := range otherFormats {
		if f.match.MatchString(text) {
			return f.name
		}
	}
	return ""
}

// onlyBrief reports whether files are known only from the messages of diff -q, which
// say nothing about the change.
func onlyBrief(text string, files []File) bool {
	return len(files) > 0 && strings.Count(text, "\nFiles ")+strings.Count(text[:min(len(text), 6)], "Files ") >= len(files)
}
