package review

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bise-sh/bise/modes/review/diff"
)

// Models make the same few mistakes in findings: they miscount lines, quote signs and
// line numbers with the code, and report lines outside the change. Therefore the
// quoted code determines the line of a finding, and a finding whose quote does not
// match any line is dropped.

// anchor converts a claim to a finding at the line that it quotes. It returns false
// when the excerpts that the model saw have no such line.
func anchor(c claim, ps []excerpt) (Finding, *excerpt, bool) {
	f := Finding{
		File: diff.ParseName(strings.TrimSpace(string(c.File))), Title: c.Title.sentence(), Why: string(c.Why),
		Severity: Severity(strings.ToLower(string(c.Severity))), Category: strings.ToLower(string(c.Category)),
		Confidence: c.Confidence.fraction(), ClaimedConfidence: c.Confidence.fraction(),
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
	last := at // the end of the consecutive lines in the change
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

// maxSpan limits the lines of a finding.
const maxSpan = 30

// locate finds the quoted line. It prefers, in this order, a match of the whole line,
// the claimed file, a line that exists after the change, and the line nearest to the
// claimed number.
func locate(file string, quoted []string, line int, ps []excerpt) (*excerpt, int) {
	var found *excerpt
	var at, rank, distance int
	for i := range ps {
		p := &ps[i]
		for j, l := range p.lines {
			n := l.New
			if l.around {
				continue
			}
			if l.Op == diff.Delete { // a finding about a removal is placed next to it
				n = p.near(j)
			}
			r := similarity(l.Text, quoted[0])
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

// near returns the line next to a removed one: the following line, or the previous one
// at the end of the excerpt.
func (p *excerpt) near(i int) int {
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

// minPartialQuote is the shortest quotation that may match a part of a line, in bytes.
const minPartialQuote = 8

// similarity compares a line with a quotation: 2 if they differ only in spaces, 1 if
// one contains the other, 0 otherwise.
func similarity(line, quoted string) int {
	line = squeezed(line)
	switch {
	case line == "":
		return 0
	case line == quoted:
		return 2
	case len(quoted) >= minPartialQuote && strings.Contains(line, quoted), len(line) >= minPartialQuote && strings.Contains(quoted, line):
		return 1
	}
	return 0
}

func squeezed(s string) string { return strings.Join(strings.Fields(plain(s)), " ") }

// linePrefix matches the number and sign of a line as the model sees it.
var linePrefix = regexp.MustCompile(`^\s*(\d+[-+: |]|[-+](\s|$))`)

// quotation returns the quoted lines without their numbers and signs.
func quotation(code string) []string {
	var lines []string
	for l := range strings.Lines(code) {
		if mark := linePrefix.FindString(l); mark != "" {
			l = l[len(mark):]
		}
		l = squeezed(l)
		if l != "" && !strings.HasPrefix(l, "```") {
			lines = append(lines, l)
		}
	}
	return lines
}

// texts returns the text of the lines from..to of an excerpt.
func (p *excerpt) texts(from, to int) []string {
	var ts []string
	for _, l := range p.lines {
		if l.New >= from && l.New <= to {
			ts = append(ts, l.Text)
		}
	}
	return ts
}
