package code

import (
	"context"
	"slices"
	"strings"

	"github.com/bise-sh/bise/mistral/fim"
)

// An anchor is what a model has read of a file while the person types. The
// windows on what comes before and after the cursor stay where they are, so that
// the prompt of the next key is this one and the key: what the model has read of
// it need not be read again. What an editor puts behind the cursor by itself, such
// as a closing bracket, does not change it either; the scissor knows the line as
// it really is.
type anchor struct {
	file   string
	files  []fim.File // from the ring
	start  int        // of the window before the cursor
	before string     // the window, up to the line that the cursor was in
	suffix string     // the window after the cursor
	limit  int        // bytes that may be typed until the windows are placed anew
}

// fits reports whether the anchor serves a place: the same file, not changed
// before what is being typed or after its line.
func (a *anchor) fits(p Place) bool {
	typed := p.At - a.start - len(a.before)
	if a.file != p.File || typed < 0 || typed > a.limit || p.Text[a.start:a.start+len(a.before)] != a.before {
		return false
	}
	_, rest, several := strings.Cut(a.suffix, "\n")
	_, now, below := strings.Cut(p.after(), "\n")
	return several == below && strings.HasPrefix(now, rest)
}

// gap is the place as the model is to see it.
func (a *anchor) gap(p Place) fim.Gap {
	end := p.At
	if blank(p.head()) {
		end = p.line() // the model indents by itself, with tokens that it knows
	}
	base := a.start + len(a.before)
	return fim.Gap{Files: a.files, Name: p.File, Prefix: a.before, Begun: p.Text[base:max(base, end)], Suffix: a.suffix}
}

// place puts the windows around a place. Tokens is what they and the files have
// together; files, of which the last are the most important, get what the windows
// leave, and a quarter at least.
func (m *meter) place(ctx context.Context, p Place, files []fim.File, tokens int, old *anchor) (*anchor, error) {
	// A line without an end, as in files that no person wrote, is not all typed.
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
	for _, f := range files {
		n, err := m.again(ctx, f.Marked())
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
		start = old.start // a window that stays is one that has been read
	}
	a.start, a.before = start, p.Text[start:base]
	if a.files, err = m.choose(ctx, files, left-used); err != nil {
		return nil, err
	}
	return a, nil
}

// choose takes the last of the files that have at most n tokens together, and the
// beginning of the one before them.
func (m *meter) choose(ctx context.Context, files []fim.File, n int) (out []fim.File, err error) {
	for _, f := range slices.Backward(files) {
		size, err := m.again(ctx, f.Marked())
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

// markTokens is room for the line that names a file.
const markTokens = 32
