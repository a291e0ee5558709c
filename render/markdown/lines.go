package markdown

import (
	"image/color"
	"strconv"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
	xansi "github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/render/term"
)

const (
	reset     = "\x1b[m"   // ends every style (SGR 0)
	linkTo    = "\x1b]8;;" // begins a link (OSC 8), or ends it when no URL follows
	stringEnd = "\x1b\\"   // ends the URL (ST)
)

// paint sets text in a colour, nil for the terminal's default.
func paint(text string, c color.Color) string {
	if c == nil || text == "" {
		return text
	}
	return xansi.NewStyle().ForegroundColor(c).Styled(text)
}

// Glamour resolves the escapes of Markdown, in some places twice. A noncharacter
// stands for the backslash until Glamour is done.
const backslash = "\ufdd0"

func protect(s string) string { return strings.ReplaceAll(s, `\`, backslash) }

func unprotect(s string) string { return strings.ReplaceAll(s, backslash, `\`) }

// lines splits what Glamour wrote into lines, each with its styles and its link
// complete, so that it can be indented. It omits empty lines around the text, and
// trailing blanks without a background. Of the control sequences it keeps only styles
// and our own links, because the text of style files is untrusted too.
func (d *drawing) lines(text string) []string {
	p := xansi.GetParser()
	defer xansi.PutParser(p)
	var (
		out        []string
		line       strings.Builder
		pen, drawn uv.Style // as the text wants it, and as the line has it
		link, open string
		mark       string // at the end of the line
	)
	set := func(to uv.Style, link string) {
		if to == drawn && link == open {
			return
		}
		if !drawn.IsZero() {
			line.WriteString(reset)
		}
		if link != open {
			if open != "" {
				line.WriteString(linkTo + stringEnd)
			}
			if link != "" {
				line.WriteString(linkTo + link + stringEnd)
			}
		}
		if !to.IsZero() {
			line.WriteString(to.String())
		}
		drawn, open = to, link
	}
	end := func() {
		if blank(drawn) && open == "" {
			kept := strings.TrimRight(line.String(), " ")
			line.Reset()
			line.WriteString(kept)
		}
		set(uv.Style{}, "")
		line.WriteString(mark)
		mark = ""
		if line.Len() > 0 || len(out) > 0 {
			out = append(out, line.String())
		}
		line.Reset()
	}
	for len(text) > 0 {
		i := strings.IndexAny(text, "\x1b\n")
		if i < 0 {
			i = len(text)
		}
		if part := unprotect(term.Clean(text[:i])); part != "" {
			if link != open || pen.IsZero() || !blank(pen) || !blank(drawn) || strings.Trim(part, " ") != "" {
				set(pen, link)
			}
			line.WriteString(part)
		}
		if text = text[i:]; text == "" {
			break
		}
		if text[0] == '\n' {
			end()
			text = text[1:]
			continue
		}
		_, _, n, _ := xansi.DecodeSequence(text, xansi.NormalState, p)
		switch {
		case text[:n] == term.WrappedAtSpace || text[:n] == term.WrappedInWord:
			mark = text[:n]
		case xansi.HasCsiPrefix(text) && p.Command() == 'm':
			uv.ReadStyle(p.Params(), &pen)
		case xansi.HasOscPrefix(text) && p.Command() == 8:
			var l uv.Link
			uv.ReadLink(p.Data(), &l)
			link = ""
			if i, err := strconv.Atoi(l.URL); err == nil && i >= 0 && i < len(d.targets) {
				link = d.targets[i]
			}
		}
		text = text[n:]
	}
	end()
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// blank reports whether spaces in a style are invisible.
func blank(s uv.Style) bool {
	return s.Bg == nil && s.Underline == uv.UnderlineNone && s.Attrs&(uv.AttrReverse|uv.AttrStrikethrough) == 0
}
