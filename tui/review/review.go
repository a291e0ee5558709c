package review

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/modes/chat"
	"github.com/bise-sh/bise/modes/review"
	"github.com/bise-sh/bise/modes/review/change"
	"github.com/bise-sh/bise/modes/review/diff"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/terminal"
	"github.com/bise-sh/bise/units"
)

// Mode is the mode in which a model looks for what is wrong with a change.
// First there is a list of what can be reviewed; then one of findings, with the
// code that the chosen one is about below it.
type Mode struct {
	look      *kit.Look
	notify    kit.Notify
	tasks     *kit.Tasks
	terminal  *terminal.Terminal
	engines   *engines.Engines
	changesOf func(context.Context) ([]change.Change, error) // nil: there are none

	list          kit.List // of changes, or of findings
	width, height int
	ref           string
	model         *engines.Model
	keys          reviewKeys

	changes []change.Change
	looked  bool  // changes is what there is
	trouble error // why that could not be found out

	review *reviewing // nil: the changes are shown
	number int        // of the last review
	whole  bool       // the chosen finding has the body to itself
	top    int        // its first line that is shown then
}

// errReviewStopped is the cause of the end of a review that the user stopped.
var errReviewStopped = errors.New("stopped")

// reviewKeys are the keys that are this mode's own.
type reviewKeys struct {
	apply, dismiss, open, next, ask, again, look key.Binding
}

// A reviewing is one review, on its way or done.
type reviewing struct {
	number  int
	change  change.Change
	pull    func() (review.Event, error, bool) // the next event; nil until the engine is there
	stop    context.CancelCauseFunc
	busy    bool
	stopped bool    // by the user
	loading float64 // share of the model, below 0 when it does not load
	parts   int     // into which the change was cut, 0 while unknown
	reading review.Progress
	found   []*finding
	result  *review.Result
	err     error
}

// A finding is one of the model's, and what the person did with it.
type finding struct {
	review.Finding
	dismissed, applied bool
}

// Messages of the mode. Those of a review carry its number.
type (
	changesFound struct {
		changes []change.Change
		err     error
	}
	reviewCame struct {
		number int
		event  review.Event
		err    error
		more   bool
	}
	findingChanged struct { // a suggestion was applied, or taken back
		number  int
		finding *finding
		applied bool
		undo    func() error
		err     error
	}
	findingRestored struct{ finding *finding }
	programEnded    struct{ err error }
	// QuestionAsked goes on in a chat, with a text to write the question behind.
	QuestionAsked struct{ Text string }
)

func New(look *kit.Look, notify kit.Notify, tasks *kit.Tasks, t *terminal.Terminal, e *engines.Engines, ref string, changes func(context.Context) ([]change.Change, error)) *Mode {
	m := &Mode{
		look: look, notify: notify, tasks: tasks, terminal: t, engines: e, ref: ref, changesOf: changes,
		list: kit.List{Look: look, FilterOnSlash: true},
	}
	m.keys = reviewKeys{
		apply: kit.NewBinding("a", "apply"), dismiss: kit.NewBinding("d", "dismiss"), open: kit.NewBinding("o", "open in editor"), next: kit.NewBinding("n", "next"),
		ask: kit.NewBinding("e", "ask about it"), again: kit.NewBinding("r", "review again"), look: kit.NewBinding("r", "look again"),
	}
	m.refresh()
	return m
}

func (m *Mode) Using() *engines.Model { return m.model }

func (m *Mode) UseModel(ref string) tea.Cmd {
	var cmd tea.Cmd
	m.ref = ref
	m.model, cmd = m.engines.Use(ref)
	return cmd
}

// Shown looks for changes, which may be others each time, unless there is a review.
func (m *Mode) Shown() tea.Cmd {
	var cmds []tea.Cmd
	if m.model == nil {
		cmds = append(cmds, m.UseModel(m.ref))
	}
	if m.review == nil {
		cmds = append(cmds, m.findChanges())
	}
	return tea.Batch(cmds...)
}

// findChanges is the command that finds what can be reviewed.
func (m *Mode) findChanges() tea.Cmd {
	ctx, changes := m.tasks.Context(), m.changesOf
	if changes == nil {
		return nil
	}
	return func() tea.Msg {
		list, err := changes(ctx)
		return changesFound{list, err}
	}
}

func (m *Mode) Update(msg tea.Msg) tea.Cmd {
	defer m.refresh()
	switch msg := msg.(type) {
	case changesFound:
		m.changes, m.trouble, m.looked = msg.changes, msg.err, true
	case engines.ModelOpened, engines.ModelReady:
		return m.begin()
	case reviewCame:
		return m.take(msg)
	case findingChanged:
		m.changed(msg)
	case findingRestored:
		msg.finding.dismissed = false
	case programEnded:
		if msg.err != nil {
			m.notify.Error(msg.err)
		}
	}
	return nil
}

// start begins to review a change.
func (m *Mode) start(c change.Change) tea.Cmd {
	m.number++
	m.whole = false
	m.review = &reviewing{number: m.number, change: c, busy: true, loading: -1, stop: func(error) {}}
	m.list.Filter.Reset()
	m.list.Select(0)
	var open tea.Cmd
	if m.model == nil || m.model.State == engines.Failed {
		open = m.UseModel(m.ref)
	}
	return tea.Batch(open, m.begin())
}

// begin has the model begin, if a review waits for it and it is there.
func (m *Mode) begin() tea.Cmd {
	r := m.review
	if r == nil || !r.busy || r.pull != nil || m.model == nil {
		return nil
	}
	switch {
	case m.model.State == engines.Failed:
		r.busy, r.err = false, m.model.Err
		return nil
	case m.model.Engine == nil:
		return nil
	}
	ctx, stop := context.WithCancelCause(m.tasks.Context())
	engine, change := m.model.Engine, r.change
	r.stop = stop
	r.pull, _ = iter.Pull2(func(yield func(review.Event, error) bool) {
		root, err := os.OpenRoot(change.Root)
		if err != nil {
			yield(nil, err)
			return
		}
		defer root.Close()
		for event, err := range review.Run(ctx, engine, change.Files, review.Options{Tree: root.FS()}) {
			if cause := context.Cause(ctx); err != nil && cause != nil {
				err = cause
			}
			if !yield(event, err) {
				return
			}
		}
	})
	return r.await()
}

// await is the command that waits for the next event.
func (r *reviewing) await() tea.Cmd {
	pull, number := r.pull, r.number
	return func() tea.Msg {
		event, err, more := pull()
		return reviewCame{number, event, err, more}
	}
}

// take takes an event of a review.
func (m *Mode) take(msg reviewCame) tea.Cmd {
	r := m.review
	if r == nil || msg.number != r.number {
		return nil // nobody waits for the rest: its context has ended
	}
	if !msg.more {
		r.busy = false
		r.stop(nil)
		return nil
	}
	switch {
	case errors.Is(msg.err, errReviewStopped):
		r.stopped = true
	case msg.err != nil:
		r.err = msg.err
		if len(r.found) > 0 {
			m.notify.Error(msg.err) // the list of findings has no room for it
		}
	}
	switch e := msg.event.(type) {
	case review.Loading:
		r.loading = e.Fraction
	case review.Planned:
		r.parts = e.Parts
	case review.Progress:
		r.reading, r.loading = e, -1
	case review.Found:
		r.found = append(r.found, &finding{Finding: e.Finding})
	case review.Done:
		r.result = &e.Result
		r.sort()
		if len(r.found) > 0 && msg.err == nil {
			m.notify.Say(strings.TrimSpace(r.result.Unreviewed() + " " + r.result.Covered()))
		}
	}
	return r.await()
}

// sort puts the findings in the order of the change. Until the end they are in the
// order in which they came.
func (r *reviewing) sort() {
	place := map[string]int{}
	for i, f := range r.change.Files {
		if _, ok := place[f.Path()]; !ok {
			place[f.Path()] = i
		}
	}
	kit.SortBy(r.found, func(f *finding) int { return f.Line })
	kit.SortBy(r.found, func(f *finding) int { return place[f.File] })
}

// refresh sets the rows of the list.
func (m *Mode) refresh() {
	var chosen *finding
	if m.review != nil {
		chosen = m.chosen()
	}
	m.list.Intro, m.list.Empty = nil, nil
	var rows []kit.Row
	switch {
	case m.review == nil:
		m.list.Intro = []string{"What is to be reviewed?"}
		for _, c := range m.changes {
			rows = append(rows, kit.Row{Cells: []string{c.Name, units.Plural(len(c.Files), "file"), size(c.Files), c.About}})
		}
		m.list.Empty = m.nothing()
	default:
		for _, f := range m.shownFindings() {
			place := fmt.Sprintf("%s:%d", f.File, f.Line)
			if f.EndLine > f.Line {
				place += fmt.Sprintf("-%d", f.EndLine)
			}
			title := f.Title
			if f.applied {
				title = "✓ " + title
			}
			rows = append(rows, kit.Row{Cells: []string{string(f.Severity), kit.OneLine(place), kit.OneLine(title)}, Dim: f.applied})
		}
		m.list.Empty = m.none()
	}
	m.list.SetRows(rows)
	if chosen != nil {
		if i := slices.Index(m.shownFindings(), chosen); i >= 0 {
			m.list.Select(i)
		}
	}
}

// size counts the lines of a change.
func size(files []diff.File) string {
	added, removed := 0, 0
	for _, f := range files {
		for _, h := range f.Hunks {
			for _, l := range h.Lines {
				switch l.Op {
				case diff.Add:
					added++
				case diff.Delete:
					removed++
				}
			}
		}
	}
	return fmt.Sprintf("+%d −%d", added, removed)
}

// nothing says why there are no changes to choose from.
func (m *Mode) nothing() []string {
	switch {
	case m.trouble != nil:
		msg, advice := kit.Explain(m.trouble)
		return []string{msg, advice}
	case m.changesOf == nil, m.looked:
		return []string{"There is nothing to review here: no change that git knows. Whole files are reviewed by bise review FILE."}
	}
	return []string{"looking for changes"}
}

// none says why there are no findings.
func (m *Mode) none() []string {
	r := m.review
	switch {
	case r.err != nil:
		msg, advice := kit.Explain(r.err)
		return []string{msg, advice}
	case r.busy:
		return []string{"nothing found so far"}
	case r.stopped, r.result == nil:
		return []string{"The review was stopped."}
	case len(r.found) > 0 && m.list.Filter.Text == "":
		return []string{"All findings are dismissed."}
	case len(r.found) > 0:
		return []string{"No finding has that."}
	}
	lines := []string{"No findings. " + r.result.Covered()}
	if u := r.result.Unreviewed(); u != "" {
		lines = []string{u, lines[0]}
	}
	return append(lines, r.result.Notes...)
}

// shownFindings are those that are not dismissed, and that the filter lets through.
func (m *Mode) shownFindings() []*finding {
	var list []*finding
	if m.review == nil {
		return nil
	}
	for _, f := range m.review.found {
		_, _, ok := kit.Match(m.list.Filter.Text, f.File+" "+f.Title+" "+string(f.Severity))
		if !f.dismissed && ok {
			list = append(list, f)
		}
	}
	return list
}

// chosen is the finding that is chosen, nil when there is none.
func (m *Mode) chosen() *finding {
	if list := m.shownFindings(); m.list.Selected < len(list) {
		return list[m.list.Selected]
	}
	return nil
}

// apply writes a suggestion into its file.
func (m *Mode) apply(f *finding) tea.Cmd {
	if f.Suggestion == nil || f.applied {
		m.notify.Say(map[bool]string{true: "it is applied", false: "it has no suggestion to apply"}[f.applied])
		return nil
	}
	number, root := m.review.number, m.review.change.Root
	return func() tea.Msg {
		folder, err := os.OpenRoot(root)
		if err != nil {
			return findingChanged{number: number, finding: f, err: err}
		}
		defer folder.Close()
		undo, err := f.Apply(folder)
		return findingChanged{number, f, true, func() error {
			folder, err := os.OpenRoot(root)
			if err != nil {
				return err
			}
			defer folder.Close()
			return undo(folder)
		}, err}
	}
}

// changed tells that a suggestion was applied or taken back.
func (m *Mode) changed(msg findingChanged) {
	f := msg.finding
	if msg.err != nil {
		m.notify.Error(msg.err)
		return
	}
	f.applied = msg.applied
	if !f.applied {
		m.notify.Say("taken back in " + f.File)
		return
	}
	m.notify.Undo("applied to "+f.File, func() tea.Msg {
		return findingChanged{number: msg.number, finding: f, err: msg.undo()}
	})
}

// dismiss takes a finding off the list.
func (m *Mode) dismiss(f *finding) {
	f.dismissed = true
	m.notify.Undo(fmt.Sprintf("dismissed %q", f.Title), func() tea.Msg { return findingRestored{f} })
}

// open shows a finding's line in the person's editor.
func (m *Mode) open(f *finding) tea.Cmd {
	name := filepath.FromSlash(path.Clean(f.File))
	if !filepath.IsLocal(name) {
		m.notify.Say(f.File + " is not in this folder")
		return nil
	}
	return m.terminal.EditFile(filepath.Join(m.review.change.Root, name), f.Line, func(err error) tea.Msg {
		return programEnded{err}
	})
}

// question is what a chat about a finding begins with.
func (m *Mode) question(f *finding) string {
	var code strings.Builder
	for _, l := range m.review.around(&f.Finding, aroundFinding) {
		code.WriteString(string(rune(l.Op)) + strings.TrimSuffix(l.Text, "\r") + "\n")
	}
	return fmt.Sprintf("A code review reports this about line %d of %s: %s. %s\n\n%s\n\n",
		f.Line, kit.OneLine(f.File), f.Title, f.Why, chat.CodeBlock(strings.TrimPrefix(path.Ext(f.File), "."), code.String()))
}

func (m *Mode) Press(k tea.KeyPressMsg) kit.Outcome {
	defer m.refresh()
	if m.whole && m.scroll(k) {
		return kit.Handled(nil)
	}
	if !m.list.Filtering {
		if o := m.letter(k); o.Handled {
			return o
		}
	}
	if change := m.list.Press(k); change.Handled {
		m.top = 0
		return kit.Handled(nil)
	}
	switch {
	case kit.Matches(k, m.look.Keys.Choose):
		return kit.Handled(m.choose())
	case kit.Matches(k, m.look.Keys.Back):
		return m.back()
	}
	return kit.Ignored()
}

// letter does what a letter does.
func (m *Mode) letter(k tea.KeyPressMsg) kit.Outcome {
	if m.review == nil {
		if kit.Matches(k, m.keys.look) {
			return kit.Handled(m.findChanges())
		}
		return kit.Ignored()
	}
	if kit.Matches(k, m.keys.again) && !m.review.busy {
		return kit.Handled(m.start(m.review.change))
	}
	f := m.chosen()
	if f == nil {
		return kit.Ignored()
	}
	switch {
	case kit.Matches(k, m.keys.apply):
		return kit.Handled(m.apply(f))
	case kit.Matches(k, m.keys.dismiss):
		m.dismiss(f)
	case kit.Matches(k, m.keys.open):
		return kit.Handled(m.open(f))
	case kit.Matches(k, m.keys.next):
		m.list.Select((m.list.Selected + 1) % max(1, len(m.list.Rows)))
		m.top = 0
	case kit.Matches(k, m.keys.ask):
		return kit.Send(QuestionAsked{m.question(f)})
	default:
		return kit.Ignored()
	}
	return kit.Handled(nil)
}

// choose begins the chosen review, or gives the chosen finding the whole body.
func (m *Mode) choose() tea.Cmd {
	if m.review != nil {
		m.whole = !m.whole && m.chosen() != nil
		m.top = 0
		return nil
	}
	if i, ok := m.list.SelectedRow(); ok {
		return m.start(m.changes[i])
	}
	return nil
}

// back leaves the finding, stops the review, or leaves that.
func (m *Mode) back() kit.Outcome {
	switch {
	case m.review == nil:
		return kit.Ignored()
	case m.whole:
		m.whole = false
	case m.review.busy && m.review.pull != nil:
		m.review.stop(errReviewStopped)
	default:
		m.review = nil
		m.list.Select(0)
		return kit.Handled(m.findChanges())
	}
	return kit.Handled(nil)
}

func (m *Mode) Paste(text string) kit.Outcome {
	defer m.refresh()
	m.list.Paste(text)
	return kit.Handled(nil)
}

func (m *Mode) Click(_, y int) kit.Outcome {
	defer m.refresh()
	if m.whole {
		return kit.Handled(nil)
	}
	if _, again := m.list.Click(y - m.margin()); again {
		return kit.Handled(m.choose())
	}
	m.top = 0
	return kit.Handled(nil)
}

func (m *Mode) Scroll(lines int) {
	if m.whole {
		m.top = max(0, m.top+lines)
		return
	}
	m.list.Scroll(lines)
}

// Commands are what keys do, by name.
func (m *Mode) Commands() []kit.Command {
	list := []kit.Command{}
	for _, c := range []struct {
		name, help string
		key        key.Binding
	}{
		{"apply", "write the suggestion into the file", m.keys.apply},
		{"dismiss", "take the finding off the list", m.keys.dismiss},
		{"open", "the finding's line in $EDITOR", m.keys.open},
		{"ask", "a question about the finding", m.keys.ask},
		{"again", "review again", m.keys.again},
	} {
		list = append(list, kit.Command{Name: c.name, Help: c.help, Run: func(string) kit.Outcome {
			if o := m.Press(kit.KeyPress(c.key.Keys()[0])); o.Handled {
				return o
			}
			m.notify.Say("there is no finding that is chosen")
			return kit.Handled(nil)
		}})
	}
	return list
}

func (m *Mode) AsList() *kit.List { return &m.list }
