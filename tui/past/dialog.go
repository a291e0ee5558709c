package past

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/units"
)

const (
	// pageRows is how many conversations one query loads.
	pageRows = 100
	// foundRows is the maximum number of search results.
	foundRows = 100
)

// Dialog is the list of conversations: all by day, or the results of a full-text
// search, best first.
type Dialog struct {
	kit.ListDialog
	notify  kit.Notify
	tasks   *kit.Tasks
	history *Writer
	folder  string // for exported files

	now   time.Time // time of the last query
	query history.Query
	hits  []history.Hit // a row each; only Conversation is set without a filter

	more    bool // older ones are not loaded
	reading bool
	number  int // of the query; results of older ones are dropped
	cancel  context.CancelFunc
	deleted bool // a conversation was deleted in this dialog
}

func NewDialog(look *kit.Look, notify kit.Notify, tasks *kit.Tasks, r *Writer, folder string) *Dialog {
	c := &Dialog{notify: notify, tasks: tasks, history: r, folder: folder, cancel: func() {}}
	c.ListDialog = kit.ListDialog{
		List: kit.List{Look: look}, Heading: "Conversations", Hints: c.hints,
		Choose: func(row int) kit.Outcome { return c.open(c.hits[row]) },
		Refill: c.Init,
	}
	return c
}

func (c *Dialog) Init() tea.Cmd { return c.read(history.Conversation{}) }

func (c *Dialog) Note() string {
	switch {
	case c.query.Empty():
		return ""
	case len(c.hits) == foundRows:
		return fmt.Sprintf("best %d", foundRows)
	}
	return fmt.Sprintf("%d found", len(c.hits))
}

func (c *Dialog) hints() []kit.Hint {
	list := []kit.Hint{{Binding: c.Look.Keys.Choose, Words: "open"}}
	if c.deleted && c.Filter.Text == "" {
		list = append(list, kit.Hint{Binding: c.Look.Keys.Undo, Words: "undo delete", General: true})
	}
	return append(list, kit.Hints(c.Look.Keys.Rename, c.Look.Keys.Delete, c.Look.Keys.Export, c.Look.Keys.Back)...)
}

func (c *Dialog) Footer() kit.Footer {
	if len(c.Rows) == 0 && !c.deleted {
		return kit.Footer{Hints: kit.Hints(c.Look.Keys.Back)}
	}
	return kit.Footer{Hints: c.hints()}
}

// conversationsRead has a page of the list, or search results.
type conversationsRead struct {
	number int
	after  history.Conversation // the last of the page before
	query  history.Query
	hits   []history.Hit
	err    error
}

// read loads the page after a conversation, or the first page or the search results if after
// is zero.
func (c *Dialog) read(after history.Conversation) tea.Cmd {
	c.cancel() // the previous search is obsolete
	ctx, cancel := context.WithCancel(c.tasks.Context())
	c.number++
	c.cancel, c.reading, c.Loading = cancel, true, after.ID == 0
	records, text, answer := c.history, c.Filter.Text, conversationsRead{number: c.number, after: after}
	return func() tea.Msg {
		defer cancel()
		store, err := records.Store(ctx)
		if err != nil {
			answer.err = err
			return answer
		}
		if answer.query = history.ParseQuery(text); !answer.query.Empty() {
			answer.hits, answer.err = store.Search(ctx, text, foundRows)
			return answer
		}
		page, err := store.List(ctx, after, pageRows)
		for _, conversation := range page {
			answer.hits = append(answer.hits, history.Hit{Conversation: conversation})
		}
		answer.err = err
		return answer
	}
}

// take shows the loaded conversations.
func (c *Dialog) take(msg conversationsRead) {
	if msg.number != c.number {
		return
	}
	c.reading, c.Loading = false, false
	if msg.err != nil {
		c.notify.Error(msg.err)
		return
	}
	if msg.after.ID == 0 {
		c.hits = nil
	}
	c.now, c.query = time.Now(), msg.query
	c.hits = append(c.hits, msg.hits...)
	c.more = msg.query.Empty() && len(msg.hits) == pageRows
	switch {
	case len(c.hits) > 0:
	case c.Filter.Text != "":
		c.Empty = []string{fmt.Sprintf("No message matches %s.", kit.OneLine(c.Filter.Text))}
	default:
		c.Empty = []string{"No conversations yet. bise saves each conversation here, drafts included."}
	}
	c.fill()
}

// loadMore loads the next page when the selection is near the end.
func (c *Dialog) loadMore() tea.Cmd {
	if !c.more || c.reading || c.Selected < len(c.Rows)-pageRows/4 {
		return nil
	}
	return c.read(c.hits[len(c.hits)-1].Conversation)
}

// fill makes the rows for the current width.
func (c *Dialog) fill() {
	_, width := kit.Column(c.Width)
	rows := make([]kit.Row, 0, len(c.hits))
	for _, h := range c.hits {
		r := kit.Row{Cells: []string{""}}
		day, at := history.Day(h.Conversation.Updated, c.now), h.Conversation.Updated.Local().Format("15:04")
		switch wide := width >= 50; {
		case c.query.Empty() && wide:
			r.Group, r.Cells = day, append(r.Cells, kit.Truncate(shortRef(h.Conversation.Model), 20), at)
		case c.query.Empty():
			r.Group, r.Cells = day, append(r.Cells, at)
		case wide:
			r.Cells = append(r.Cells, day) // the match takes the rest of the line
		}
		free := width
		for _, cell := range r.Cells[1:] {
			free -= kit.Width(cell) + kit.ColumnGap
		}
		r.Cells[0], r.Marks = c.headline(h, max(width/2, free))
		rows = append(rows, r)
	}
	c.Detail = c.describeRow
	c.SetRows(rows)
}

// headline returns a conversation's title, and the text that matched if the title does not
// match.
func (c *Dialog) headline(h history.Hit, width int) (string, []kit.Span) {
	title := kit.Truncate(titleOf(h.Conversation), width)
	marks := spans(c.query.InTitles().Marks(title))
	if h.Message == 0 || len(marks) > 0 {
		return title, marks
	}
	title = kit.Truncate(title, width*2/5) + " · "
	text := kit.OneLine(h.Text)
	if found := c.query.Marks(text); len(found) > 0 {
		// Start close to the match, so that it is visible.
		if from := strings.LastIndexByte(text[:max(0, found[0].Start-10)], ' ') + 1; from > 0 {
			text = "…" + text[from:]
		}
	}
	text = kit.Truncate(text, width-kit.Width(title))
	for _, m := range spans(c.query.Marks(text)) {
		marks = append(marks, kit.Span{From: m.From + len(title), To: m.To + len(title)})
	}
	return title + text, marks
}

// titleOf returns a conversation's title or draft.
func titleOf(c history.Conversation) string {
	switch title, draft := kit.OneLine(c.Title), kit.OneLine(c.Draft); {
	case title != "":
		return title
	case draft != "":
		return "✎ " + draft
	}
	return "image" // sent without text
}

// shortRef returns a model's REF, or the base name of a file.
func shortRef(ref string) string {
	if filepath.IsAbs(ref) {
		ref = strings.TrimSuffix(filepath.Base(ref), ".gguf")
	}
	return kit.OneLine(ref)
}

func spans(ranges []history.Range) []kit.Span {
	var list []kit.Span
	for _, r := range ranges {
		list = append(list, kit.Span{From: r.Start, To: r.End})
	}
	return list
}

// describeRow returns what matched in a conversation, or its draft, and its mode, date and
// model.
func (c *Dialog) describeRow(i, width int) []string {
	h := c.hits[i]
	conversation := h.Conversation
	var lines []string
	if h.Message != 0 {
		for _, line := range kit.Wrap(kit.OneLine(h.Text), width) {
			lines = append(lines, kit.Highlight(line, spans(c.query.Marks(line)), c.Look.Theme.Match.Render, c.Look.Theme.Text.Render))
		}
	} else if draft := kit.OneLine(conversation.Draft); draft != "" && conversation.Title != "" {
		lines = append(lines, kit.Truncate("✎ "+draft, width))
	}
	what := fmt.Sprintf("%s · started %s", conversation.Mode, history.Day(conversation.Created, c.now))
	if h.Matches > 1 {
		what += fmt.Sprintf(" · matches in %s", units.Plural(h.Matches, "message"))
	}
	if conversation.Model != "" {
		what += " · " + shortRef(conversation.Model)
	}
	return append(lines, c.Look.Theme.Muted.Render(kit.Truncate(what, width)))
}

func (c *Dialog) Resize(width, height int) {
	if width != c.Width {
		c.Width = width
		c.fill()
	}
	c.List.Resize(width, height)
}

func (c *Dialog) Press(k tea.KeyPressMsg) kit.Outcome {
	i, selected := c.SelectedRow()
	switch {
	case kit.Matches(k, c.Look.Keys.Delete) && selected:
		return c.remove(i)
	case kit.Matches(k, c.Look.Keys.Rename) && selected:
		return c.rename(c.hits[i].Conversation)
	case kit.Matches(k, c.Look.Keys.Export) && selected:
		return c.export(c.hits[i].Conversation)
	case kit.Matches(k, c.Look.Keys.Undo) && c.Filter.Text == "" && c.deleted:
		return kit.Handled(c.restore(0))
	}
	return c.moved(c.ListDialog.Press(k))
}

func (c *Dialog) Click(x, y int) kit.Outcome { return c.moved(c.ListDialog.Click(x, y)) }

// moved loads more rows if needed after the selection moved, and ends a search on close.
func (c *Dialog) moved(o kit.Outcome) kit.Outcome {
	if o.Closes {
		c.cancel()
	} else if o.Handled && o.Cmd == nil {
		o.Cmd = c.loadMore()
	}
	return o
}

func (c *Dialog) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case conversationsRead:
		c.take(msg)
	case titleChosen:
		id, title := msg.id, msg.title
		c.history.Write(func(ctx context.Context, store *history.Store) error { return store.Rename(ctx, id, title) })
		return c.read(history.Conversation{})
	case exportChosen:
		return c.write(msg)
	case conversationRestored:
		switch {
		case errors.Is(msg.err, history.ErrNotFound):
			c.notify.Info("no deleted conversation to restore")
		case msg.err != nil:
			c.notify.Error(msg.err)
		default:
			return c.read(history.Conversation{})
		}
	}
	return nil
}

// open opens the selected conversation at the message that matched.
func (c *Dialog) open(h history.Hit) kit.Outcome {
	if h.Message != 0 {
		c.history.Write(func(ctx context.Context, store *history.Store) error { return store.Reveal(ctx, h.Message) })
	}
	return kit.Close(Chosen{ID: h.Conversation.ID, Message: h.Message, Query: c.Filter.Text})
}

// Chosen asks for a conversation, in the mode it belongs to. Deleted reports a deleted one.
type (
	Chosen struct {
		ID      int64
		Message int64  // that Query has found; 0: none
		Query   string // of the search
	}
	Deleted struct{ ID int64 }
)

// Opened has a conversation that was chosen.
type Opened struct {
	Conversation history.Conversation
	Path         []history.Message
	Found        int    // the message of Path that Query has found; -1: none
	Query        string // see [history.ParseQuery]
	Err          error
}

// Open is a command that reads a conversation.
func Open(tasks *kit.Tasks, records *Writer, chosen Chosen) tea.Cmd {
	ctx := tasks.Context()
	return func() tea.Msg {
		store, err := records.Store(ctx)
		if err != nil {
			return Opened{Err: err}
		}
		conversation, err := store.Conversation(ctx, chosen.ID)
		if err != nil {
			return Opened{Err: err}
		}
		path, err := store.Path(ctx, chosen.ID)
		found := slices.IndexFunc(path, func(m history.Message) bool { return m.ID == chosen.Message })
		return Opened{conversation, path, found, chosen.Query, err}
	}
}

// remove deletes the selected conversation, which can be undone.
func (c *Dialog) remove(i int) kit.Outcome {
	gone := c.hits[i].Conversation
	c.history.Write(func(ctx context.Context, store *history.Store) error { return store.Delete(ctx, gone.ID) })
	c.hits = slices.Delete(c.hits, i, i+1)
	c.deleted = true
	c.fill()
	c.notify.Undo(fmt.Sprintf("deleted %q", kit.Truncate(titleOf(gone), 40)), c.restore(gone.ID))
	o := kit.Send(Deleted{gone.ID})
	o.Cmd = c.loadMore()
	return o
}

// conversationRestored is the result of restoring a deleted conversation.
type conversationRestored struct{ err error }

// restore is a command that restores a deleted conversation; 0 is the one deleted last.
func (c *Dialog) restore(id int64) tea.Cmd {
	ctx, records := c.tasks.Context(), c.history
	return func() tea.Msg {
		store, err := records.Store(ctx)
		switch {
		case err != nil:
		case id == 0:
			_, err = store.RestoreLast(ctx)
		default:
			err = store.Restore(ctx, id)
		}
		return conversationRestored{err}
	}
}

// titleChosen has the user's title for a conversation; "" means its first words.
type titleChosen struct {
	id    int64
	title string
}

func (c *Dialog) rename(conversation history.Conversation) kit.Outcome {
	return kit.Open(kit.NewPrompt(c.Look, "Rename", "New title. If empty, bise uses the first words.", conversation.Title, "rename", func(title string) kit.Outcome {
		return kit.Close(titleChosen{conversation.ID, title})
	}))
}

// exportChosen has the file to export a conversation to.
type exportChosen struct {
	id     int64
	path   string
	prompt *kit.Prompt
}

func (c *Dialog) export(conversation history.Conversation) kit.Outcome {
	question := "File name. Markdown is for reading; a .json file has the whole conversation and can be imported."
	p := kit.NewPrompt(c.Look, "Export", question, fileName(titleOf(conversation))+".md", "export", nil)
	p.Done = func(path string) kit.Outcome { return kit.Close(exportChosen{conversation.ID, path, p}) }
	return kit.Open(p)
}

// fileName makes a file name from a title.
func fileName(title string) string {
	name := ""
	for _, word := range strings.FieldsFunc(title, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		if name != "" {
			name += "-"
		}
		for i, r := range word {
			if name += string(r); len(name) > 50 && (i > 20 || r > unicode.MaxLatin1) {
				return name
			}
		}
		if len(name) > 40 {
			break
		}
	}
	return cmp.Or(name, "conversation")
}

// write is a command that exports a conversation to a new file.
func (c *Dialog) write(e exportChosen) tea.Cmd {
	ctx, records, folder := c.tasks.Context(), c.history, c.folder
	return func() tea.Msg {
		store, err := records.Store(ctx)
		if err != nil {
			return FileSaved{e.path, err, nil}
		}
		var text bytes.Buffer
		if strings.EqualFold(filepath.Ext(e.path), ".json") {
			err = store.ExportJSON(ctx, &text, e.id)
		} else {
			err = store.ExportMarkdown(ctx, &text, e.id, false)
		}
		if err != nil {
			return FileSaved{e.path, err, nil}
		}
		return SaveFile(folder, FileNamed{e.path, text.String(), e.prompt})
	}
}

// Imported is the result of an import.
type Imported struct {
	Count, Present int
	Err            error
	Prompt         *kit.Prompt // that asked for the file; shown again after an error
}

// Import is a command that imports the conversations in a file, whose path p asked for.
func Import(tasks *kit.Tasks, records *Writer, folder, home, path string, p *kit.Prompt) tea.Cmd {
	ctx, dropped := tasks.Context(), attach.Dropped(path)
	if rest, ok := strings.CutPrefix(path, "~/"); ok {
		path = filepath.Join(home, rest)
	} else if !filepath.IsAbs(path) {
		path = filepath.Join(folder, path)
	}
	return func() tea.Msg {
		if found := attach.Existing(dropped, folder, home); len(found) == 1 {
			path = found[0]
		}
		f, err := os.Open(path)
		if err != nil {
			if p, ok := errors.AsType[*fs.PathError](err); ok {
				err = p.Err
			}
			return Imported{Err: fmt.Errorf("cannot import %s: %w", path, err), Prompt: p}
		}
		defer f.Close()
		store, err := records.Store(ctx)
		if err != nil {
			return Imported{Err: err}
		}
		ids, present, err := store.Import(ctx, f)
		return Imported{len(ids), present, err, p}
	}
}
