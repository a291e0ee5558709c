package talk

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// filePopup finds a file to attach after an @.
type filePopup struct {
	*composer
	all    []string // relative to the folder; nil until they are read
	more   bool     // there are more than were read
	filter string
	found  []foundFile
	chosen int
	shown  filePreview
	asked  string // the file whose preview is on its way
}

type foundFile struct {
	path  string
	marks []kit.Span
	score int
}

const (
	maxFiles   = 50_000 // that are looked for
	maxFound   = 100    // that are offered
	previewing = 3      // lines of a file
)

// filesRead brings the files of a folder.
type filesRead struct {
	folder string
	paths  []string
	more   bool
}

func newFilePopup(c *composer) *filePopup { return &filePopup{composer: c} }

func (p *filePopup) begin() tea.Cmd {
	ctx, dir := p.tasks.Context(), p.folder
	return func() tea.Msg {
		paths, more, _ := attach.FilesIn(ctx, dir, maxFiles) // what cannot be read is not offered
		return filesRead{dir, paths, more}
	}
}

func (p *filePopup) Typed(word string) tea.Cmd {
	p.filter = strings.TrimPrefix(word, "@")
	p.find()
	return p.readPreview()
}

// find offers what the filter matches, the best first.
func (p *filePopup) find() {
	p.found = p.found[:0]
	for _, path := range p.all {
		if score, marks, ok := kit.Match(p.filter, path); ok {
			// Words of the name itself count more than those of its folders.
			if s, _, ok := kit.Match(p.filter, filepath.Base(path)); ok && p.filter != "" {
				score += s
			}
			p.found = append(p.found, foundFile{path, marks, score})
		}
	}
	kit.SortBy(p.found, func(f foundFile) int { return -f.score })
	p.found = p.found[:min(len(p.found), maxFound)]
	p.chosen = max(0, min(p.chosen, len(p.found)-1))
}

// take takes the files that were read, and previews.
func (p *filePopup) take(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case filesRead:
		p.all, p.more = msg.paths, msg.more
		p.find()
		return p.readPreview()
	case filePreview:
		if msg.path == p.asked {
			p.shown, p.asked = msg, ""
			return p.readPreview()
		}
	}
	return nil
}

// filePreview is the beginning of a file, and what it would cost.
type filePreview struct {
	path   string
	lines  []string
	about  string
	tokens int
}

// readPreview is the command that reads the preview of the chosen file, one at a
// time.
func (p *filePopup) readPreview() tea.Cmd {
	if len(p.found) == 0 || p.asked != "" || p.found[p.chosen].path == p.shown.path {
		return nil
	}
	path := p.found[p.chosen].path
	p.asked = path
	ctx, full, count := p.tasks.Context(), filepath.Join(p.folder, path), p.counter()
	return func() tea.Msg {
		a, err := previewFile(ctx, full, path)
		if err != nil {
			msg, _ := kit.Explain(err)
			return filePreview{path: path, about: msg}
		}
		preview := filePreview{path: path, about: a.about, tokens: count(ctx, a)}
		text := a.Text[:min(len(a.Text), 4000)]
		for line := range strings.Lines(text) {
			if len(preview.lines) == previewing {
				break
			}
			if strings.TrimSpace(line) != "" {
				preview.lines = append(preview.lines, strings.TrimRight(line, "\r\n"))
			}
		}
		return preview
	}
}

// counter gives what counts an attachment's tokens, as far as the model can: 0
// when it cannot.
func (c *composer) counter() func(context.Context, attachment) int {
	var e engine.Engine
	if m := c.model; m != nil && m.State == engines.Ready {
		e = m.Engine
	}
	return func(ctx context.Context, a attachment) int {
		if e != nil && a.image != nil {
			n, err := vision.Tokens(ctx, vision.CountBy(e), a.image.width, a.image.height)
			if err != nil {
				return 0
			}
			return n
		}
		if e == nil || a.Text == "" || len(a.Text) > countable {
			return 0
		}
		tokens, err := e.Tokenize(ctx, engine.TokenizeRequest{Text: &a.Text})
		if err != nil {
			return 0
		}
		return len(tokens.IDs)
	}
}

// countable is the longest text whose tokens are counted, in bytes.
const countable = 2_000_000

func (p *filePopup) Press(k tea.KeyPressMsg) kit.Outcome {
	if to, ok := kit.MoveChoice(k, p.chosen, len(p.found)); ok {
		p.chosen = to
		return kit.Handled(p.readPreview())
	}
	switch {
	case k.String() == "esc":
		p.popup = nil
		return kit.Handled(nil)
	case len(p.found) == 0:
		return kit.Ignored()
	case kit.Matches(k, p.look.Keys.Complete), kit.Matches(k, p.look.Keys.Send):
		path := p.found[p.chosen].path
		p.replaceWord("")
		return kit.Handled(p.attachFile(path))
	}
	return kit.Ignored()
}

// fileAttached brings a file that is to be attached.
type fileAttached struct {
	to          string       // the mode
	attachments []attachment // several of a document
	note        string       // what is to be said about it; may be empty
	err         error
	instead     string // the text that takes its place when it cannot be attached
}

// attachFile attaches a file, named from the folder.
func (c *composer) attachFile(path string) tea.Cmd {
	ctx, dir, count, to := c.tasks.Context(), c.folder, c.counter(), c.mode
	return func() tea.Msg {
		full := path
		if !filepath.IsAbs(path) {
			full = filepath.Join(dir, path)
		}
		list, note, err := readFile(ctx, full, kit.RelativePath(dir, full))
		for i := range list {
			list[i].tokens = count(ctx, list[i])
		}
		return fileAttached{to: to, attachments: list, note: note, err: err}
	}
}

func (p *filePopup) View(width, height int) []string {
	switch {
	case p.all == nil:
		return []string{p.look.Theme.Muted.Render("looking for files")}
	case len(p.found) == 0:
		return []string{p.look.Theme.Muted.Render("no file matches " + kit.OneLine(p.filter))}
	}
	preview := p.preview(width)
	if height < len(preview)+3 {
		preview = preview[:min(len(preview), 1)]
	}
	rows := max(1, height-len(preview))
	var lines []string
	top := kit.FirstVisible(p.chosen, len(p.found), rows)
	for i := top; i < min(len(p.found), top+rows); i++ {
		f := p.found[i]
		style, mark := p.look.Theme.Text, "  "
		if i == p.chosen {
			style, mark = p.look.Theme.Selected, p.look.Theme.Accent.Render("❯ ")
		}
		path, marks := f.path, f.marks
		if clean := kit.OneLine(path); clean != path {
			path, marks = clean, nil
		}
		lines = append(lines, kit.Truncate(mark+kit.Highlight(path, marks, func(s string) string { return p.look.Theme.Match.Render(s) }, func(s string) string { return style.Render(s) }), width))
	}
	return append(lines, preview...)
}

// preview are the lines about the chosen file.
func (p *filePopup) preview(width int) []string {
	if p.shown.path != p.found[p.chosen].path {
		return nil
	}
	about := p.shown.about
	if p.shown.tokens > 0 {
		about += " · " + units.Count(p.shown.tokens) + " tokens"
	}
	lines := []string{"    " + about}
	for _, line := range p.shown.lines {
		lines = append(lines, "    "+kit.Truncate(strings.Join(kit.Wrap(line, 1000)[:1], ""), width-4))
	}
	return kit.StyleLines(p.look.Theme.Muted, lines)
}

// pathOf is the path that a pasted text may be: of one line, as terminals write
// it when a file is dragged there.
func pathOf(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if text == "" || len(text) > 4096 || strings.ContainsAny(text, "\n\r\x00") {
		return "", false
	}
	if rest, ok := strings.CutPrefix(text, "file://"); ok {
		text = unescaped(rest)
	} else if n := len(text); n > 1 && (text[0] == '\'' || text[0] == '"') && text[n-1] == text[0] {
		text = text[1 : n-1]
	} else if !strings.Contains(text, " ") || strings.Contains(text, `\ `) {
		text = strings.NewReplacer(`\ `, " ", `\(`, "(", `\)`, ")", `\'`, "'", `\&`, "&").Replace(text)
	}
	if !filepath.IsAbs(text) && !strings.HasPrefix(text, "~/") && !strings.HasPrefix(text, "./") {
		return "", false
	}
	return text, true
}

// attachPath looks whether there is a file at a pasted path, and attaches it; else
// the text is a text.
func (c *composer) attachPath(path, text string) tea.Cmd {
	dir, home := c.folder, c.terminal.Getenv("HOME")
	ctx, count, to := c.tasks.Context(), c.counter(), c.mode
	return func() tea.Msg {
		full := path
		if rest, ok := strings.CutPrefix(path, "~/"); ok {
			full = filepath.Join(home, rest)
		} else if !filepath.IsAbs(path) {
			full = filepath.Join(dir, path)
		}
		if info, err := os.Stat(full); err != nil || !info.Mode().IsRegular() {
			return fileAttached{to: to, instead: text}
		}
		list, note, err := readFile(ctx, full, kit.RelativePath(dir, full))
		for i := range list {
			list[i].tokens = count(ctx, list[i])
		}
		return fileAttached{to: to, attachments: list, note: note, err: err, instead: text}
	}
}

// unescaped is a URL's path without its escapes.
func unescaped(path string) string {
	if plain, err := url.PathUnescape(path); err == nil {
		return plain
	}
	return path
}
