package talk

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

// filePopup finds a file to attach after an @.
type filePopup struct {
	*composer
	all       []string // relative to the folder; nil until
	more      bool     // more files exist
	filter    string
	found     []foundFile
	chosen    int
	shown     filePreview
	requested string // the file whose preview is loading
}

type foundFile struct {
	path  string
	marks []kit.Span
	score int
}

const (
	maxFiles     = 50_000 // searched
	maxFound     = 100    // listed
	previewLines = 3      // of a file
)

// filesRead has the files of a folder.
type filesRead struct {
	folder string
	paths  []string
	more   bool
}

func newFilePopup(c *composer) *filePopup { return &filePopup{composer: c} }

func (p *filePopup) load() tea.Cmd {
	ctx, dir := p.tasks.Context(), p.folder
	return func() tea.Msg {
		paths, more, _ := attach.FilesIn(ctx, dir, maxFiles) // unreadable folders are left out
		return filesRead{dir, paths, more}
	}
}

func (p *filePopup) Typed(word string) tea.Cmd {
	p.filter = strings.TrimPrefix(word, "@")
	p.find()
	return p.readPreview()
}

// find lists the files that match the filter, best first.
func (p *filePopup) find() {
	p.found = p.found[:0]
	for _, path := range p.all {
		if score, marks, ok := kit.Match(p.filter, path); ok {
			// Matches in the name count more than in its folders.
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

// take handles loaded files and previews.
func (p *filePopup) take(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case filesRead:
		p.all, p.more = msg.paths, msg.more
		p.find()
		return p.readPreview()
	case filePreview:
		if msg.path == p.requested {
			p.shown, p.requested = msg, ""
			return p.readPreview()
		}
	}
	return nil
}

// filePreview is the start of a file and its token count.
type filePreview struct {
	path   string
	lines  []string
	about  string
	tokens int
}

// readPreview is a command that loads the preview of the selected file, one at a time.
func (p *filePopup) readPreview() tea.Cmd {
	if len(p.found) == 0 || p.requested != "" || p.found[p.chosen].path == p.shown.path {
		return nil
	}
	path := p.found[p.chosen].path
	p.requested = path
	ctx, full, counter := p.tasks.Context(), filepath.Join(p.folder, path), p.model.Counter()
	return func() tea.Msg {
		a, err := previewFile(ctx, full, path)
		if err != nil {
			msg, _ := kit.Explain(err)
			return filePreview{path: path, about: msg}
		}
		preview := filePreview{path: path, about: a.about}
		preview.tokens, _ = a.count(ctx, counter)
		text := a.Text[:min(len(a.Text), 4000)]
		for line := range strings.Lines(text) {
			if len(preview.lines) == previewLines {
				break
			}
			if strings.TrimSpace(line) != "" {
				preview.lines = append(preview.lines, strings.TrimRight(line, "\r\n"))
			}
		}
		return preview
	}
}

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
	case k.String() == "space" && slices.ContainsFunc(p.found, func(f foundFile) bool { return f.path == p.filter }):
		path := p.filter // typed to its end: the user goes on with the question
		p.replaceWord("")
		return kit.Handled(p.attachFile(path))
	case kit.Matches(k, p.look.Keys.Complete), kit.Matches(k, p.look.Keys.Send):
		path := p.found[p.chosen].path
		p.replaceWord("")
		return kit.Handled(p.attachFile(path))
	}
	return kit.Ignored()
}

func (p *filePopup) Enter() string {
	if len(p.found) == 0 {
		return ""
	}
	return "attach"
}

// fileAttached has the attachments read from a file.
type fileAttached struct {
	to          string       // mode
	attachments []attachment // a document has several
	note        string       // for the user; may be empty
	err         error
	instead     string // text to insert if the file cannot be attached
}

// attachFile attaches a file; a relative path starts at the folder.
func (c *composer) attachFile(path string) tea.Cmd {
	ctx, dir, to := c.tasks.Context(), c.folder, c.mode
	return func() tea.Msg {
		full := path
		if !filepath.IsAbs(path) {
			full = filepath.Join(dir, path)
		}
		return readAttachments(ctx, to, dir, full)
	}
}

// readAttachments reads the file at an absolute path for the composer of a mode.
func readAttachments(ctx context.Context, mode, dir, path string) fileAttached {
	list, note, err := readFile(ctx, path, kit.RelativePath(dir, path))
	return fileAttached{to: mode, attachments: list, note: note, err: err}
}

func (p *filePopup) View(width, height int) []string {
	switch {
	case p.all == nil:
		return []string{p.look.Theme.Muted.Render("searching files")}
	case len(p.found) == 0:
		return []string{p.look.Theme.Muted.Render("no file matches " + kit.OneLine(p.filter))}
	}
	preview := p.preview(width)
	if height < len(preview)+3 {
		preview = preview[:min(len(preview), 1)]
	}
	lines := kit.ListPopup(p.look, p.chosen, len(p.found), max(1, height-len(preview)), func(i int) string {
		f := p.found[i]
		mark, style := p.look.Theme.Row(i == p.chosen)
		path, marks := f.path, f.marks
		if clean := kit.OneLine(path); clean != path {
			path, marks = clean, nil
		}
		return kit.Truncate(mark+kit.Highlight(path, marks, p.look.Theme.Match.Render, style.Render), width)
	})
	return append(lines, preview...)
}

// preview returns the lines about the selected file.
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

// attachDropped attaches the files of the first list whose files exist. If there is none, it
// inserts the text.
func (c *composer) attachDropped(lists [][]string, text string) tea.Cmd {
	ctx, to, dir, home := c.tasks.Context(), c.mode, c.folder, c.terminal.Getenv("HOME")
	return func() tea.Msg {
		all := fileAttached{to: to, instead: text}
		paths := attach.Existing(lists, dir, home)
		if !slices.ContainsFunc(paths, isFile) {
			return all
		}
		var notes []string
		for _, path := range paths {
			msg := readAttachments(ctx, to, dir, path)
			all.attachments = append(all.attachments, msg.attachments...)
			if msg.note != "" {
				notes = append(notes, msg.note)
			}
			if all.err == nil {
				all.err = msg.err
			}
		}
		all.note = strings.Join(notes, " ")
		return all
	}
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
