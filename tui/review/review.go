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

// Mode lists the changes to review, then the findings with the code of the selected one.
type Mode struct {
	look      *kit.Look
	notify    kit.Notify
	tasks     *kit.Tasks
	terminal  *terminal.Terminal
	engines   *engines.Engines
	changesOf func(context.Context) ([]change.Change, error) // nil: no changes

	list          kit.List // of changes, or of findings
	width, height int
	ref           string
	model         *engines.Model
	keys          reviewKeys

	changes    []change.Change
	loaded     bool  // changes is loaded
	changesErr error // why loading failed

	review   *reviewing // nil: the changes are listed
	number   int        // of the last review
	fullView bool       // the selected finding fills the body
	top      int        // its first visible line
}

// errReviewStopped is the cause of the end of a review that the user stopped.
var errReviewStopped = errors.New("stopped")

// reviewKeys are the keys of this mode.
type reviewKeys struct {
	apply, dismiss, undo, open, next, ask, again, refresh key.Binding
}

// A reviewing is a review that is running or done.
type reviewing struct {
	number   int
	change   change.Change
	pull     func() (review.Event, error, bool) // the next event; nil until the model is open
	stop     context.CancelCauseFunc
	busy     bool
	stopped  bool    // by the user
	loading  float64 // share of the model; below 0: not loading
	parts    int     // of the change; 0: unknown
	progress review.Progress
	found    []*finding
	result   *review.Result
	err      error
}

// A finding is a finding of the model, and what the user did with it.
type finding struct {
	review.Finding
	dismissed, applied bool
	undo               func() error // takes the suggestion back
}

// handled reports whether the user has decided about the finding.
func (f *finding) handled() bool { return f.dismissed || f.applied }

// Messages of the mode. Those of a review carry its number.
type (
	changesFound struct {
		changes []change.Change
		err     error
	}
	eventReceived struct {
		number int
		event  review.Event
		err    error
		more   bool
	}
	findingChanged struct { // a suggestion was applied or undone
		number  int
		finding *finding
		applied bool
		undo    func() error
		err     error
	}
	findingRestored struct{ finding *finding }
	programEnded    struct{ err error }
	// QuestionAsked asks to continue in a chat, with Text in the composer.
	QuestionAsked struct{ Text string }
)

func New(look *kit.Look, notify kit.Notify, tasks *kit.Tasks, t *terminal.Terminal, e *engines.Engines, ref string, changes func(context.Context) ([]change.Change, error)) *Mode {
	m := &Mode{
		look: look, notify: notify, tasks: tasks, terminal: t, engines: e, ref: ref, changesOf: changes,
		list: kit.List{Look: look, FilterOnSlash: true},
	}
	m.keys = reviewKeys{
		apply: kit.NewBinding("a", "apply"), dismiss: kit.NewBinding("d", "dismiss"), undo: kit.NewBinding("u", "undo"), open: kit.NewBinding("o", "open in editor"), next: kit.NewBinding("n", "next"),
		ask: kit.NewBinding("e", "ask"), again: kit.NewBinding("r", "review again"), refresh: kit.NewBinding("r", "refresh"),
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

// Busy reports whether a review is running.
func (m *Mode) Busy() bool { return m.review != nil && m.review.busy }

// Shown reloads the changes, unless a review is shown.
func (m *Mode) Shown() tea.Cmd {
	var cmds []tea.Cmd
	if m.model == nil {
		cmds = append(cmds, m.chooseModel())
	}
	if m.review == nil {
		cmds = append(cmds, m.findChanges())
	}
	return tea.Batch(cmds...)
}

// chooseModel uses the model that was named, or is a command that finds that of the mode.
func (m *Mode) chooseModel() tea.Cmd {
	if m.ref == "" {
		return m.engines.Choose("review", "")
	}
	return m.UseModel(m.ref)
}

// findChanges is a command that loads the changes.
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
		m.changes, m.changesErr, m.loaded = msg.changes, msg.err, true
	case engines.ModelChosen:
		if msg.Mode == "review" && m.model == nil {
			return m.UseModel(msg.Ref)
		}
	case engines.ModelOpened, engines.ModelReady:
		return m.begin()
	case eventReceived:
		return m.take(msg)
	case findingChanged:
		m.updateApplied(msg)
	case findingRestored:
		msg.finding.dismissed = false
		m.sort()
	case programEnded:
		m.notify.Outcome("edit a file of a review", msg.err)
	}
	return nil
}

// causeReview is the cause of the error of a review.
const causeReview = "review"

// start starts the review of a change.
func (m *Mode) start(c change.Change) tea.Cmd {
	m.number++
	m.notify.Solved(causeReview)
	m.fullView = false
	m.review = &reviewing{number: m.number, change: c, busy: true, loading: -1, stop: func(error) {}}
	m.list.Filter.Reset()
	m.list.Filtering = false
	m.list.Select(0)
	var open tea.Cmd
	switch {
	case m.model == nil:
		open = m.chooseModel()
	case m.model.State == engines.Failed:
		open = m.UseModel(m.ref)
	}
	return tea.Batch(open, m.begin())
}

// begin runs the pending review when the model is open.
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
	m.engines.MarkSent(m.model)
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

// await is a command that waits for the next event.
func (r *reviewing) await() tea.Cmd {
	pull, number := r.pull, r.number
	return func() tea.Msg {
		event, err, more := pull()
		return eventReceived{number, event, err, more}
	}
}

// take handles an event of a review.
func (m *Mode) take(msg eventReceived) tea.Cmd {
	r := m.review
	if r == nil || msg.number != r.number {
		return nil // a canceled review
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
			m.notify.ErrorOf(causeReview, msg.err) // the list of findings has no room for it
		}
	}
	switch e := msg.event.(type) {
	case review.Loading:
		r.loading = e.Fraction
	case review.Planned:
		r.parts = e.Parts
	case review.Progress:
		r.progress, r.loading = e, -1
	case review.Found:
		r.found = append(r.found, &finding{Finding: e.Finding})
		m.sort()
	case review.Done:
		r.result = &e.Result
		if len(r.found) > 0 && msg.err == nil {
			show := m.notify.Info
			if r.result.Unreviewed() != "" {
				show = m.notify.Warn
			}
			show(strings.TrimSpace(r.result.Unreviewed() + " " + r.result.Covered()))
		}
	}
	return r.await()
}

// sort sorts the findings: the most severe first, then as in the change, and dismissed ones
// last.
func (m *Mode) sort() {
	r := m.review
	if r == nil {
		return
	}
	order := map[string]int{}
	for i, f := range r.change.Files {
		if _, ok := order[f.Path()]; !ok {
			order[f.Path()] = i
		}
	}
	kit.SortBy(r.found, func(f *finding) int { return f.Line })
	kit.SortBy(r.found, func(f *finding) int { return order[f.File] })
	kit.SortBy(r.found, func(f *finding) int {
		if f.dismissed {
			return 1
		}
		return -1 - slices.Index(review.Severities, f.Severity)
	})
}

// refresh sets the rows of the list.
func (m *Mode) refresh() {
	var chosen *finding
	if m.review != nil {
		chosen = m.selected()
	}
	m.list.Intro, m.list.Empty, m.list.Fixed = nil, nil, m.review == nil
	m.list.Loading = m.review == nil && m.changesOf != nil && !m.loaded
	var rows []kit.Row
	switch {
	case m.review == nil:
		m.list.Intro = []string{"Choose a change to review."}
		if text := m.engines.Announcement(m.model, "It goes"); text != "" {
			m.list.Intro = append(m.list.Intro, text)
		}
		for _, c := range m.changes {
			rows = append(rows, kit.Row{Cells: []string{c.Name, units.Plural(len(c.Files), "file"), size(c.Files), c.About}})
		}
		m.list.Empty = m.emptyChanges()
	default:
		for _, f := range m.shownFindings() {
			title, spoken := f.Title, ""
			switch {
			case f.applied:
				title, spoken = "✓ "+title, "applied"
			case f.dismissed:
				title, spoken = "✗ "+title, "dismissed"
			}
			rows = append(rows, kit.Row{Cells: []string{string(f.Severity), kit.OneLine(f.Place()), kit.OneLine(title)}, Dim: f.handled(), Spoken: spoken})
		}
		m.list.Empty = m.emptyFindings()
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

// emptyChanges explains why no changes are listed.
func (m *Mode) emptyChanges() []string {
	switch {
	case m.changesErr != nil:
		msg, advice := kit.Explain(m.changesErr)
		return []string{msg, advice}
	case m.changesOf == nil, m.loaded:
		return []string{"No changes in this git repository. Change a file, then press " + m.keys.refresh.Help().Key + "."}
	}
	return []string{"looking for changes"}
}

// emptyFindings explains why no findings are listed.
func (m *Mode) emptyFindings() []string {
	r := m.review
	switch {
	case r.err != nil:
		msg, advice := kit.Explain(r.err)
		return []string{msg, advice}
	case r.busy:
		return []string{"no findings yet"}
	case r.stopped, r.result == nil:
		return []string{"The review was stopped."}
	case len(r.found) > 0:
		return []string{"No finding matches the filter."}
	}
	lines := []string{"No findings. " + r.result.Covered()}
	if u := r.result.Unreviewed(); u != "" {
		lines = []string{u, lines[0]}
	}
	return append(lines, r.result.Notes...)
}

// shownFindings returns the findings that match the filter.
func (m *Mode) shownFindings() []*finding {
	var list []*finding
	if m.review == nil {
		return nil
	}
	for _, f := range m.review.found {
		_, _, ok := kit.Match(m.list.Filter.Text, f.File+" "+f.Title+" "+string(f.Severity))
		if ok {
			list = append(list, f)
		}
	}
	return list
}

// selected returns the selected finding, or nil.
func (m *Mode) selected() *finding {
	if list := m.shownFindings(); m.list.Selected < len(list) {
		return list[m.list.Selected]
	}
	return nil
}

// apply applies the suggestion to the file.
func (m *Mode) apply(f *finding) tea.Cmd {
	if f.Suggestion == nil || f.applied {
		m.notify.Info(map[bool]string{true: "already applied", false: "this finding has no suggestion"}[f.applied])
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

// updateApplied marks a suggestion as applied or undone.
func (m *Mode) updateApplied(msg findingChanged) {
	f := msg.finding
	if msg.err != nil {
		m.notify.Error(msg.err)
		return
	}
	f.applied, f.undo, f.dismissed = msg.applied, msg.undo, false
	m.sort()
	if !f.applied {
		m.notify.Info("undone in " + f.File)
		return
	}
	m.notify.Undo("applied to "+f.File, m.undo(f))
}

// dismiss marks a finding as one that needs no attention, and selects the one after it.
func (m *Mode) dismiss(f *finding) {
	if f.handled() {
		m.notify.Info(map[bool]string{true: "already applied", false: "already dismissed"}[f.applied])
		return
	}
	at := m.list.Selected
	f.dismissed = true
	m.sort()
	m.refresh()
	m.list.Select(at)
	m.top = 0
	m.notify.Undo(fmt.Sprintf("dismissed %q", f.Title), m.undo(f))
}

// undo is a command that takes back what the user did with a finding; nil if that is nothing.
func (m *Mode) undo(f *finding) tea.Cmd {
	number := m.review.number
	switch undo := f.undo; {
	case f.dismissed:
		return func() tea.Msg { return findingRestored{f} }
	case f.applied && undo != nil:
		return func() tea.Msg { return findingChanged{number: number, finding: f, err: undo()} }
	}
	return nil
}

// next selects the next finding that the user has not decided about, or else the next one.
func (m *Mode) next() {
	list := m.shownFindings()
	to := m.list.Selected + 1
	for i := range list {
		if at := (to + i) % len(list); !list[at].handled() {
			to = at
			break
		}
	}
	m.list.Select(to % max(1, len(list)))
	m.top = 0
}

// open opens a finding's line in $EDITOR.
func (m *Mode) open(f *finding) tea.Cmd {
	name := filepath.FromSlash(path.Clean(f.File))
	if !filepath.IsLocal(name) {
		m.notify.Warn(f.File + " is not in this folder")
		return nil
	}
	return m.terminal.EditFile(filepath.Join(m.review.change.Root, name), f.Line, func(err error) tea.Msg {
		return programEnded{err}
	})
}

// question returns the start of a chat about a finding.
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
	if m.fullView && m.scroll(k) {
		return kit.Handled(nil)
	}
	if !m.list.Filtering {
		if o := m.pressLetter(k); o.Handled {
			return o
		}
	}
	if kit.Matches(k, m.look.Keys.Commands, m.look.Keys.NewChat) {
		return kit.Ignored() // the list would take them for up and down
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

// pressLetter handles the letter keys.
func (m *Mode) pressLetter(k tea.KeyPressMsg) kit.Outcome {
	if m.review == nil {
		if kit.Matches(k, m.keys.refresh) {
			return kit.Handled(m.findChanges())
		}
		return kit.Ignored()
	}
	if kit.Matches(k, m.keys.again) && !m.review.busy {
		return kit.Handled(m.start(m.review.change))
	}
	f := m.selected()
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
	case kit.Matches(k, m.keys.undo) && f.handled():
		return kit.Handled(m.undo(f))
	case kit.Matches(k, m.keys.next):
		m.next()
	case kit.Matches(k, m.keys.ask):
		return kit.Send(QuestionAsked{m.question(f)})
	default:
		return kit.Ignored()
	}
	return kit.Handled(nil)
}

// choose starts the selected review, or shows the selected finding alone.
func (m *Mode) choose() tea.Cmd {
	if m.review != nil {
		m.fullView = !m.fullView && m.selected() != nil
		m.top = 0
		return nil
	}
	if i, ok := m.list.SelectedRow(); ok {
		return m.start(m.changes[i])
	}
	return nil
}

// back leaves the finding, stops the review, or returns to the changes.
func (m *Mode) back() kit.Outcome {
	switch {
	case m.review == nil:
		return kit.Ignored()
	case m.fullView:
		m.fullView = false
	case m.review.busy && m.review.pull != nil:
		m.review.stop(errReviewStopped)
	default:
		m.review = nil
		m.notify.Solved(causeReview)
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
	if m.fullView {
		return kit.Handled(nil)
	}
	if _, again := m.list.Click(y - m.margin()); again {
		return kit.Handled(m.choose())
	}
	m.top = 0
	return kit.Handled(nil)
}

func (m *Mode) Scroll(lines int) {
	if m.fullView {
		m.top = max(0, m.top+lines)
		return
	}
	m.list.Scroll(lines)
}

// Commands returns the actions on a finding.
func (m *Mode) Commands() []kit.Command {
	list := []kit.Command{}
	for _, c := range []struct {
		name, help string
		key        key.Binding
	}{
		{"apply", "apply the suggestion to the file", m.keys.apply},
		{"dismiss", "mark the finding as one to ignore", m.keys.dismiss},
		{"undo", "take back apply or dismiss", m.keys.undo},
		{"open", "open the line in $EDITOR", m.keys.open},
		{"ask", "ask a question about the finding", m.keys.ask},
		{"again", "review again", m.keys.again},
	} {
		list = append(list, kit.Command{Name: c.name, Help: c.help, Run: func(string) kit.Outcome {
			if o := m.Press(kit.KeyPress(c.key.Keys()[0])); o.Handled {
				return o
			}
			m.notify.Info("no finding selected")
			return kit.Handled(nil)
		}})
	}
	return list
}

// AsList returns the list unless a finding fills the body.
func (m *Mode) AsList() *kit.List {
	if m.fullView && m.selected() != nil {
		return nil
	}
	return &m.list
}
