package answer

import (
	"fmt"
	"io"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	xansi "github.com/charmbracelet/x/ansi"

	"github.com/bise-sh/bise/cli/build"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/modes/review"
	"github.com/bise-sh/bise/modes/review/report"
	"github.com/bise-sh/bise/render/term"
)

// A textReview writes a review as text. On a terminal, findings are written as
// they are found; elsewhere at the end, in the order of the change.
type textReview struct {
	con     *console.Console
	root    string // for links
	waiting []review.Finding
	written int
}

// reviewWriter makes what writes a review in a format.
func reviewWriter(con *console.Console, format, root, model string) (report.Writer, error) {
	if format == "text" {
		return &textReview{con: con, root: root}, nil
	}
	return report.New(format, con.Stdout, report.Tool{Version: build.Current().Version, Model: model})
}

func (t *textReview) Found(f review.Finding) error {
	if !t.con.Out.Terminal() {
		t.waiting = append(t.waiting, f)
		return nil
	}
	return t.write(f)
}

func (t *textReview) Done(r review.Result) error {
	t.waiting = nil
	if t.con.Out.Terminal() {
		return nil
	}
	for _, f := range r.Findings {
		if err := t.write(f); err != nil {
			return err
		}
	}
	return nil
}

// rest writes what was found before the review broke off.
func (t *textReview) rest() error {
	for _, f := range t.waiting {
		if err := t.write(f); err != nil {
			return err
		}
	}
	return nil
}

// indent is what a finding's words and lines stand behind.
const indent = "    "

func (t *textReview) write(f review.Finding) error {
	var b strings.Builder
	if t.written++; t.written > 1 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s: %s: %s\n", t.link(f, t.styled(bold, t.clean(f.Place()))), t.styled(severityStyle[f.Severity], string(f.Severity)), t.clean(f.Title))
	for line := range strings.Lines(f.Why) {
		b.WriteString(t.wrapped(t.clean(strings.TrimSpace(line))))
	}
	if s := f.Suggestion; s != nil {
		b.WriteString(indent + "suggested:\n")
		t.lines(&b, s.Old, "- ", red)
		t.lines(&b, s.New, "+ ", green)
	}
	_, err := io.WriteString(t.con.Stdout, b.String())
	return err
}

// lines writes lines of code behind a sign.
func (t *textReview) lines(b *strings.Builder, text, sign, style string) {
	for line := range strings.Lines(text) {
		b.WriteString(indent + t.styled(style, sign+t.clean(strings.TrimRight(line, "\r\n"))) + "\n")
	}
}

// wrapped is a sentence in lines that fit a terminal.
func (t *textReview) wrapped(s string) string {
	if s == "" {
		return ""
	}
	if t.con.Out.Terminal() {
		columns, _ := t.con.Out.Size()
		s = xansi.Wrap(s, max(20, min(columns, 100)-len(indent)), "")
	}
	return indent + strings.ReplaceAll(s, "\n", "\n"+indent) + "\n"
}

// clean takes out of a text what a terminal would obey.
func (t *textReview) clean(s string) string {
	if !t.con.Out.Terminal() {
		return s
	}
	return term.Clean(s)
}

// Styles of SGR; the empty one is plain.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

var severityStyle = map[review.Severity]string{review.Critical: "1;31", review.Major: red, review.Minor: yellow}

// styled gives a text a style where there may be one.
func (t *textReview) styled(style, s string) string {
	if style == "" || !t.con.Out.Moves() || t.con.Accessible || t.con.NoColor && style != bold {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[m"
}

// link makes a text lead to the file on terminals that know how (OSC 8).
func (t *textReview) link(f review.Finding, s string) string {
	if !t.con.Out.Moves() || t.con.Accessible || !filepath.IsLocal(filepath.FromSlash(f.File)) {
		return s
	}
	u := url.URL{Scheme: "file", Path: path.Join("/", filepath.ToSlash(t.root), f.File)}
	return "\x1b]8;;" + u.String() + "\x1b\\" + s + "\x1b]8;;\x1b\\"
}
