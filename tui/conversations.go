package tui

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

	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/units"
)

const (
	// pageRows is how many conversations are read at once.
	pageRows = 100
	// foundRows is how many of those that a filter finds are shown.
	foundRows = 100
)

// conversationsDialog is the list of conversations: all by day, or what the filter
// finds in what was said, the best first.
type conversationsDialog struct {
	list
	notify  Notify
	tasks   *Tasks
	records *records
	folder  string // for exported files

	now   time.Time // when the rows were read
	query history.Query
	hits  []history.Hit // what the rows show; without a filter of the conversation alone

	more    bool // older ones were not read yet
	reading bool
	number  int // of readings, to tell late ones
	cancel  context.CancelFunc
	deleted bool // one was, since the dialog was opened
}

func newConversationsDialog(look *Look, notify Notify, tasks *Tasks, r *records, folder string) *conversationsDialog {
	return &conversationsDialog{list: list{look: look}, notify: notify, tasks: tasks, records: r, folder: folder, cancel: func() {}}
}

func (c *conversationsDialog) title() string  { return "Conversations" }
func (c *conversationsDialog) begin() tea.Cmd { return c.read(history.Conversation{}) }

func (c *conversationsDialog) note() string {
	switch {
	case c.query.Empty():
		return ""
	case len(c.hits) == foundRows:
		return fmt.Sprintf("the best %d", foundRows)
	}
	return fmt.Sprintf("%d found", len(c.hits))
}

func (c *conversationsDialog) bindings() []hint {
	list := []hint{{c.look.Keys.Choose, "open"}}
	if c.deleted && c.filter.text == "" {
		list = append(list, hint{c.look.Keys.Undo, "undo delete"})
	}
	return append(list, hints(c.look.Keys.Rename, c.look.Keys.Delete, c.look.Keys.Export, c.look.Keys.Back)...)
}

func (c *conversationsDialog) foot() foot {
	if len(c.rows) == 0 && !c.deleted {
		return foot{hints: hints(c.look.Keys.Back)}
	}
	return foot{hints: c.bindings()}
}

// conversationsRead brings a page of the list, or what a filter found.
type conversationsRead struct {
	number int
	after  history.Conversation // the last one before the page
	query  history.Query
	hits   []history.Hit
	err    error
}

// read reads the page after a conversation, or from the beginning whatever the
// filter finds.
func (c *conversationsDialog) read(after history.Conversation) tea.Cmd {
	c.cancel() // what was searched for before is not wanted any more
	ctx, cancel := context.WithCancel(c.tasks.Context())
	c.number++
	c.cancel, c.reading = cancel, true
	records, text, answer := c.records, c.filter.text, conversationsRead{number: c.number, after: after}
	return func() tea.Msg {
		defer cancel()
		store, err := records.store(ctx)
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

// take shows what was read.
func (c *conversationsDialog) take(msg conversationsRead) {
	if msg.number != c.number {
		return
	}
	c.reading = false
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
	case c.filter.text != "":
		c.empty = []string{fmt.Sprintf("Nothing that was said has %s.", oneLine(c.filter.text))}
	default:
		c.empty = []string{"There is no conversation yet. What you write is kept here from the first key on."}
	}
	c.fill()
}

// further reads on when the choice comes near the end.
func (c *conversationsDialog) further() tea.Cmd {
	if !c.more || c.reading || c.chosen < len(c.rows)-pageRows/4 {
		return nil
	}
	return c.read(c.hits[len(c.hits)-1].Conversation)
}

// fill makes the rows of what was found, for the width there is.
func (c *conversationsDialog) fill() {
	_, width := column(c.width)
	rows := make([]row, 0, len(c.hits))
	for _, h := range c.hits {
		r := row{cells: []string{""}}
		day, at := history.Day(h.Conversation.Updated, c.now), h.Conversation.Updated.Local().Format("15:04")
		switch wide := width >= 50; {
		case c.query.Empty() && wide:
			r.group, r.cells = day, append(r.cells, cut(shortRef(h.Conversation.Model), 20), at)
		case c.query.Empty():
			r.group, r.cells = day, append(r.cells, at)
		case wide:
			r.cells = append(r.cells, day) // the rest of the line is for what was found
		}
		free := width
		for _, cell := range r.cells[1:] {
			free -= cells(cell) + between
		}
		r.cells[0], r.marks = c.headline(h, max(width/2, free))
		rows = append(rows, r)
	}
	c.detail = c.known
	c.show(rows)
}

// headline is a conversation's title, followed by what was found in it if the title
// does not have it.
func (c *conversationsDialog) headline(h history.Hit, width int) (string, []span) {
	title := cut(titled(h.Conversation), width)
	marks := spans(c.query.InTitles().Marks(title))
	if h.Message == 0 || len(marks) > 0 {
		return title, marks
	}
	title = cut(title, width*2/5) + " · "
	said := oneLine(h.Text)
	if found := c.query.Marks(said); len(found) > 0 {
		// Not much before it, so that it is not cut off.
		if from := strings.LastIndexByte(said[:max(0, found[0].Start-10)], ' ') + 1; from > 0 {
			said = "…" + said[from:]
		}
	}
	said = cut(said, width-cells(title))
	for _, m := range spans(c.query.Marks(said)) {
		marks = append(marks, span{m.from + len(title), m.to + len(title)})
	}
	return title + said, marks
}

// titled is a conversation's title, or what stands in its composer.
func titled(c history.Conversation) string {
	switch title, draft := oneLine(c.Title), oneLine(c.Draft); {
	case title != "":
		return title
	case draft != "":
		return "✎ " + draft
	}
	return "picture" // sent without a word
}

// shortRef is a model's REF, for a file its name alone.
func shortRef(ref string) string {
	if filepath.IsAbs(ref) {
		ref = strings.TrimSuffix(filepath.Base(ref), ".gguf")
	}
	return oneLine(ref)
}

func spans(ranges []history.Range) []span {
	var list []span
	for _, r := range ranges {
		list = append(list, span{r.Start, r.End})
	}
	return list
}

// known is what is known of a conversation: what was found in it, or what stands
// in its composer.
func (c *conversationsDialog) known(i, width int) []string {
	h := c.hits[i]
	conversation := h.Conversation
	var lines []string
	if h.Message != 0 {
		plain := func(s string) string { return s }
		for _, line := range wrapped(oneLine(h.Text), width) {
			lines = append(lines, marked(line, spans(c.query.Marks(line)), func(s string) string { return c.look.Theme.hit.Render(s) }, plain))
		}
	} else if draft := oneLine(conversation.Draft); draft != "" && conversation.Title != "" {
		lines = append(lines, cut("✎ "+draft, width))
	}
	what := fmt.Sprintf("%s · begun %s", conversation.Mode, history.Day(conversation.Created, c.now))
	if h.Matches > 1 {
		what += fmt.Sprintf(" · found in %s", units.Plural(h.Matches, "message"))
	}
	if conversation.Model != "" {
		what += " · " + shortRef(conversation.Model)
	}
	return append(lines, c.look.Theme.muted.Render(cut(what, width)))
}

func (c *conversationsDialog) resize(width, height int) {
	if width != c.width {
		c.width = width
		c.fill()
	}
	c.list.resize(width, height)
}

func (c *conversationsDialog) press(k tea.KeyPressMsg) outcome {
	switch {
	case is(k, c.look.Keys.Delete):
		return c.remove()
	case is(k, c.look.Keys.Rename):
		return c.rename()
	case is(k, c.look.Keys.Export):
		return c.export()
	case is(k, c.look.Keys.Undo) && c.filter.text == "" && c.deleted:
		return took(c.restore(0))
	}
	change := c.list.press(k)
	switch {
	case change.filtered:
		return took(c.read(history.Conversation{}))
	case change.handled:
		return took(c.further())
	case is(k, c.look.Keys.Choose):
		return c.open()
	case is(k, c.look.Keys.Back):
		c.cancel()
		return answer(nil)
	}
	return pass()
}

func (c *conversationsDialog) paste(text string) outcome {
	if c.list.paste(text).filtered {
		return took(c.read(history.Conversation{}))
	}
	return took(nil)
}

func (c *conversationsDialog) click(_, y int) outcome {
	if _, again := c.list.click(y); again {
		return c.open()
	}
	return took(c.further())
}

func (c *conversationsDialog) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case conversationsRead:
		c.take(msg)
	case titleChosen:
		id, title := msg.id, msg.title
		c.records.push(func(ctx context.Context, store *history.Store) error { return store.Rename(ctx, id, title) })
		return c.read(history.Conversation{})
	case exportChosen:
		return c.write(msg)
	case conversationRestored:
		switch {
		case errors.Is(msg.err, history.ErrNotFound):
			c.notify.Say("nothing that was deleted is left to bring back")
		case msg.err != nil:
			c.notify.Error(msg.err)
		default:
			return c.read(history.Conversation{})
		}
	}
	return nil
}

// open goes on with the chosen conversation, where the filter found something.
func (c *conversationsDialog) open() outcome {
	i, ok := c.row()
	if !ok {
		return took(nil)
	}
	c.cancel()
	h := c.hits[i]
	if h.Message != 0 {
		c.records.push(func(ctx context.Context, store *history.Store) error { return store.Reveal(ctx, h.Message) })
	}
	return answer(conversationChosen{id: h.Conversation.ID, message: h.Message})
}

// remove deletes the chosen conversation, which can be undone.
func (c *conversationsDialog) remove() outcome {
	i, ok := c.row()
	if !ok {
		return took(nil)
	}
	gone := c.hits[i].Conversation
	c.records.push(func(ctx context.Context, store *history.Store) error { return store.Delete(ctx, gone.ID) })
	c.hits = slices.Delete(c.hits, i, i+1)
	c.deleted = true
	c.fill()
	c.notify.Undo(fmt.Sprintf("deleted %q", cut(titled(gone), 40)), c.restore(gone.ID))
	o := tell(conversationDeleted{gone.ID})
	o.cmd = c.further()
	return o
}

// conversationRestored tells that a deleted conversation is back, or why not.
type conversationRestored struct{ err error }

// restore is the command that brings a conversation back, for 0 the one that was
// deleted last.
func (c *conversationsDialog) restore(id int64) tea.Cmd {
	ctx, records := c.tasks.Context(), c.records
	return func() tea.Msg {
		store, err := records.store(ctx)
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

// titleChosen is the person's own title for a conversation, "" for its first
// words.
type titleChosen struct {
	id    int64
	title string
}

func (c *conversationsDialog) rename() outcome {
	i, ok := c.row()
	if !ok {
		return took(nil)
	}
	conversation := c.hits[i].Conversation
	return openDialog(newPrompt(c.look, "Rename", "A title; without one it has its first words.", conversation.Title, "rename", func(title string) outcome {
		return answer(titleChosen{conversation.ID, title})
	}))
}

// exportChosen is where a conversation is to be written.
type exportChosen struct {
	id   int64
	path string
}

func (c *conversationsDialog) export() outcome {
	i, ok := c.row()
	if !ok {
		return took(nil)
	}
	conversation := c.hits[i].Conversation
	question := "A file: Markdown, for reading, or with .json at its end all that belongs to the conversation, to be imported elsewhere."
	return openDialog(newPrompt(c.look, "Export", question, fileName(titled(conversation))+".md", "export", func(path string) outcome {
		return answer(exportChosen{conversation.ID, path})
	}))
}

// fileName is a name for a file that is about something: its first words.
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

// write is the command that writes a conversation to a new file.
func (c *conversationsDialog) write(e exportChosen) tea.Cmd {
	ctx, records, folder := c.tasks.Context(), c.records, c.folder
	return func() tea.Msg {
		store, err := records.store(ctx)
		if err != nil {
			return saveDone{e.path, err}
		}
		var text bytes.Buffer
		if strings.EqualFold(filepath.Ext(e.path), ".json") {
			err = store.ExportJSON(ctx, &text, e.id)
		} else {
			err = store.ExportMarkdown(ctx, &text, e.id, false)
		}
		if err != nil {
			return saveDone{e.path, err}
		}
		return saveFile(folder, e.path, text.String())
	}
}

// conversationsImported tells how many conversations were taken in.
type conversationsImported struct {
	taken, present int
	err            error
}

// importConversations is the command that imports the conversations in a file.
func importConversations(tasks *Tasks, records *records, folder, path string) tea.Cmd {
	if !filepath.IsAbs(path) {
		path = filepath.Join(folder, path)
	}
	ctx := tasks.Context()
	return func() tea.Msg {
		f, err := os.Open(path)
		if err != nil {
			if p, ok := errors.AsType[*fs.PathError](err); ok {
				err = p.Err
			}
			return conversationsImported{err: fmt.Errorf("cannot import %s: %w", path, err)}
		}
		defer f.Close()
		store, err := records.store(ctx)
		if err != nil {
			return conversationsImported{err: err}
		}
		ids, present, err := store.Import(ctx, f)
		return conversationsImported{len(ids), present, err}
	}
}
