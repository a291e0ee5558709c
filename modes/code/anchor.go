package code

import (
	"context"
	"slices"
	"strings"

	"github.com/bise-sh/bise/mistral/fim"
)

// An anchor fixes the context of a file while the user types. The excerpts before and
// after the cursor do not move, so that the next prompt is the previous one plus the
// typed text, and the engine can reuse its cache. Text that an editor inserts after
// the cursor, such as a closing bracket, does not change the anchor either; the trimmer
// uses the current line.
type anchor struct {
	file   string
	files  []fim.File // excerpts of other files
	start  int        // where before begins
	before string     // the excerpt before the line that the cursor was in
	suffix string     // the excerpt after the cursor
	limit  int        // bytes that can be typed before the excerpts move
}

// fits reports whether the anchor is valid for a place: the file is the same and
// unchanged before the typed text and after its line.
func (a *anchor) fits(p Place) bool {
	typed := p.At - a.start - len(a.before)
	if a.file != p.File || typed < 0 || typed > a.limit || p.Text[a.start:a.start+len(a.before)] != a.before {
		return false
	}
	_, rest, several := strings.Cut(a.suffix, "\n")
	_, now, below := strings.Cut(p.after(), "\n")
	return several == below && strings.HasPrefix(now, rest)
}

// infill returns the infill request for a place. indented adds the indentation before the
// cursor. Without it the model indents better, with its own tokens.
func (a *anchor) infill(p Place, indented bool) fim.Input {
	end := p.At
	if blank(p.head()) && !indented {
		end = p.line()
	}
	base := a.start + len(a.before)
	return fim.Input{Files: a.files, Name: p.File, Prefix: a.before, Begun: p.Text[base:max(base, end)], Suffix: a.suffix}
}

// place makes an anchor for a place. tokens limits the excerpts and the other files
// together. The files, the most important last, get the tokens that the excerpts do
// not use, and at least a quarter.
func (m *meter) place(ctx context.Context, p Place, files []fim.File, tokens int, old *anchor) (*anchor, error) {
	// Very long lines, as in generated files, are not typed by hand.
	base := max(p.line(), runeAt(p.Text, p.At-m.bytes(tokens/8)))
	end, used, err := m.lead(ctx, p.after(), tokens/4)
	if err != nil {
		return nil, err
	}
	a := &anchor{file: p.File, suffix: p.after()[:end], limit: m.bytes(tokens / 4)}
	begun, err := m.count(ctx, p.Text[base:p.At])
	if err != nil {
		return nil, err
	}
	left, wanted := tokens-used-begun, 0
	files = bound(files, tokens)
	for _, f := range slices.Backward(files) {
		if wanted >= tokens/4 {
			break
		}
		n, err := m.cachedCount(ctx, f.Marked())
		if err != nil {
			return nil, err
		}
		wanted += n
	}
	start, used, err := m.tail(ctx, p.Text[:base], left-min(wanted, tokens/4))
	if err != nil {
		return nil, err
	}
	if old != nil && old.file == p.File && old.start > start && old.start <= (start+base)/2 {
		start = old.start // the engine has cached the prompt from there
	}
	a.start, a.before = start, p.Text[start:base]
	if a.files, err = m.choose(ctx, files, left-used); err != nil {
		return nil, err
	}
	return a, nil
}

// maxRatio is more than the bytes per token of any text but long runs of one character.
const maxRatio = 16

// bound cuts files that are certainly longer than a number of tokens: to tokenize many
// megabytes takes seconds, and only the beginning of a file is used.
func bound(files []fim.File, tokens int) []fim.File {
	out := slices.Clone(files)
	for i, f := range out {
		if most := tokens * maxRatio; len(f.Text) > most {
			out[i].Text = f.Text[:runeAt(f.Text, most)]
		}
	}
	return out
}

// choose returns the last files that fit in n tokens together, and the beginning of
// the one before them.
func (m *meter) choose(ctx context.Context, files []fim.File, n int) (out []fim.File, err error) {
	for _, f := range slices.Backward(files) {
		size, err := m.cachedCount(ctx, f.Marked())
		if err != nil {
			return nil, err
		}
		if size > n {
			end, _, err := m.lead(ctx, f.Text, n-markTokens)
			if err != nil {
				return nil, err
			}
			if f.Text = f.Text[:end]; !blank(f.Text) {
				out = append(out, f)
			}
			break
		}
		n -= size
		out = append(out, f)
	}
	slices.Reverse(out)
	return out, nil
}

// markTokens is reserved for the line with the name of a file.
const markTokens = 32
