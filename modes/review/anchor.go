package review

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bise-sh/bise/modes/review/diff"
)

// Findings that models write have mistakes in them of the same few kinds: lines
// that are miscounted, signs and numbers quoted with the code, places that are not
// in the change. So the code that a finding quotes decides where it is, and one
// that quotes nothing that is there is dropped.

// anchor makes a finding of a claim, at the line that it is about. It is false
// when there is no such line in the passages that the model was shown.
func anchor(c claim, ps []passage) (Finding, *passage, bool) {
	f := Finding{
		File: string(c.File), Title: c.Title.sentence(), Why: string(c.Why),
		Severity: Severity(strings.ToLower(string(c.Severity))), Category: strings.ToLower(string(c.Category)), Confidence: c.Confidence.share(),
	}
	if !slices.Contains(Severities, f.Severity) {
		f.Severity = Minor
	}
	if !slices.Contains(Categories, f.Category) {
		f.Category = Categories[0]
	}
	if f.Title == "" {
		f.Title, f.Why, _ = strings.Cut(f.Why, ". ")
	}
	if f.Title == "" {
		return f, nil, false
	}
	quoted := quotation(string(c.Code))
	if len(quoted) == 0 {
		return f, nil, false
	}
	p, at := locate(f.File, quoted, int(c.Line), ps)
	if p == nil {
		return f, nil, false
	}
	end := at + max(int(c.EndLine)-int(c.Line), len(quoted)-1, 0)
	last := at // lines that follow one another, as far as they are the change's
	for _, l := range p.lines {
		if l.New == last+1 && !l.around && last < end && last-at < maxSpan {
			last = l.New
		}
	}
	f.File, f.Line, f.EndLine = p.file.Path(), at, last
	f.Code = strings.Join(p.texts(at, last), "\n")
	f.Fingerprint = f.fingerprint()
	return f, p, true
}

// maxSpan is how many lines a finding is at, at most.
const maxSpan = 30

// locate finds the line that is quoted: rather the whole line than a part of one,
// rather in the file that is named than elsewhere, rather one that is there than one
// that is removed, and among equals the one nearest to the number that is named.
func locate(file string, quoted []string, line int, ps []passage) (*passage, int) {
	var found *passage
	var at, rank, distance int
	for i := range ps {
		p := &ps[i]
		for j, l := range p.lines {
			n := l.New
			if l.around {
				continue
			}
			if l.Op == diff.Delete { // what is wrong with removing it is wrong where it was
				n = p.near(j)
			}
			r := likeness(l.Text, quoted[0])
			if r == 0 || n == 0 {
				continue
			}
			r *= 4
			if p.file.Path() == file {
				r += 2
			}
			if l.Op != diff.Delete {
				r++
			}
			if d := abs(n - line); r > rank || r == rank && d < distance {
				found, at, rank, distance = p, n, r, d
			}
		}
	}
	return found, at
}

// near is the line that stands where a removed one was: the next one, or the one
// before.
func (p *passage) near(i int) int {
	for _, l := range p.lines[i:] {
		if l.New > 0 && !l.around {
			return l.New
		}
	}
	for _, l := range slices.Backward(p.lines[:i]) {
		if l.New > 0 && !l.around {
			return l.New
		}
	}
	return 0
}

// shortest is how much of a line a quotation must have that is not all of it, in
// bytes.
const shortest = 8

// likeness is how surely a line is the quoted one: 2 when they are the same but for
// spaces, 1 when one has the other in it, 0 otherwise.
func likeness(line, quoted string) int {
	line = squeezed(line)
	switch {
	case line == "":
		return 0
	case line == quoted:
		return 2
	case len(quoted) >= shortest && strings.Contains(line, quoted), len(line) >= shortest && strings.Contains(quoted, line):
		return 1
	}
	return 0
}

func squeezed(s string) string { return strings.Join(strings.Fields(shown(s)), " ") }

// signed is what stands before a line as it is shown to the model.
var signed = regexp.MustCompile(`^\s*(\d+[-+: |]|[-+](\s|$))`)

// quotation gives the lines that are quoted, without what was put before them to
// show them.
func quotation(code string) []string {
	var lines []string
	for l := range strings.Lines(code) {
		if mark := signed.FindString(l); mark != "" {
			l = l[len(mark):]
		}
		l = squeezed(l)
		if l != "" && !strings.HasPrefix(l, "```") {
			lines = append(lines, l)
		}
	}
	return lines
}

// texts are the lines of a passage from one number to another.
func (p *passage) texts(from, to int) []string {
	var ts []string
	for _, l := range p.lines {
		if l.New >= from && l.New <= to {
			ts = append(ts, l.Text)
		}
	}
	return ts
}
