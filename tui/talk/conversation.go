package talk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/terminal"
)

// A Conversation is what a person and a model say to each other: the transcript,
// the composer below it, and the answer on its way. Modes whose screen is a
// conversation have one.
type Conversation struct {
	look     *kit.Look
	notify   kit.Notify
	tasks    *kit.Tasks
	terminal *terminal.Terminal
	engines  *engines.Engines
	history  *HistoryWriter
	images   *ImageCache
	folder   string // for files
	sampling engine.Sampling

	mode       string // its name in the history
	system     string // what the model is told first; may be empty
	transcript *transcript
	composer   *composer

	handler answerHandler // what the mode makes of answers; nil: they are texts

	saved      *savedID // in the history; nil before the first key
	ref        string   // of the model
	remembered bool     // it is that of the last time
	model      *engines.Model
	stream     *stream // the answer on its way, nil when there is none
	waits      bool    // an answer is wanted as soon as the model is open
	continuing bool    // and it is to continue the last one
	handled    bool    // the answer on its way goes through the craft
	queue      []composed
	heard      string // what was written line by line, which is not said again

	edited    int       // the turn that is being edited, -1: none
	setAside  composed  // what was being written before
	keptDraft draftMark // what was kept last of what is written

	width, height int
}

// A answerHandler is what a mode does to an answer that is more than a text. It takes part
// from the request to the end of the answer.
type answerHandler interface {
	// prepare changes what is asked, of whom, and what the history is told: kept is
	// called from the goroutine that reads the events, with nil at their end.
	prepare(e engine.Engine, r engine.ChatRequest, kept func(engine.Event)) (engine.Engine, engine.ChatRequest, func(engine.Event))
	// event shows an event in the answer's turn, and end what comes after the last.
	event(t *turn, event engine.Event, now time.Time)
	finish(t *turn, now time.Time)
}

// Options are what a conversation is made with.
type Options struct {
	Look     *kit.Look
	Notify   kit.Notify
	Tasks    *kit.Tasks
	Terminal *terminal.Terminal
	Engines  *engines.Engines
	History  *HistoryWriter
	Images   *ImageCache
	Folder   string // of files for @; "": there are none
	Model    string // REF; "": the one that was used last
	Sampling engine.Sampling
	// Commands are those of the interface, which follow those of the mode.
	Commands func() []kit.Command
}

func newConversation(o Options, mode, placeholder string) *Conversation {
	c := &Conversation{
		look: o.Look, notify: o.Notify, tasks: o.Tasks, terminal: o.Terminal, engines: o.Engines, history: o.History, images: o.Images,
		folder: o.Folder, sampling: o.Sampling,
		mode: mode, ref: o.Model, edited: -1,
		transcript: newTranscript(o.Look), composer: newComposer(o, mode, placeholder),
	}
	c.composer.commands = func() []kit.Command { return append(c.Commands(), o.Commands()...) }
	return c
}

// busy reports whether an answer is on its way, or waits for its model.
func (c *Conversation) busy() bool { return c.stream != nil || c.waits }

// last is the last turn, nil when there is none.
func (c *Conversation) last() *turn {
	if n := len(c.transcript.turns); n > 0 {
		return c.transcript.turns[n-1]
	}
	return nil
}

// Using is the model that answers.
func (c *Conversation) Using() *engines.Model { return c.model }

// UseModel has the conversation go on with a model, which is opened if nobody has.
func (c *Conversation) UseModel(ref string) tea.Cmd {
	var cmd tea.Cmd
	c.ref = ref
	c.model, cmd = c.engines.Use(ref)
	c.composer.model = c.model
	if s := c.saved; s != nil {
		mode := c.mode
		c.history.write(func(ctx context.Context, store *history.Store) error {
			return store.Choose(ctx, s.id.Load(), mode, ref)
		})
	}
	return cmd
}

// ensureSaved makes sure that the conversation is in the history.
func (c *Conversation) ensureSaved() *savedID {
	if c.saved == nil {
		s := new(savedID)
		c.saved = s
		mode, ref := c.mode, c.ref
		c.history.write(func(ctx context.Context, store *history.Store) error {
			started, err := store.Start(ctx, mode, ref)
			s.id.Store(started.ID)
			return err
		})
	}
	return c.saved
}

// send sends a message, or has it wait for the end of the answer on its way.
func (c *Conversation) send(m composed) tea.Cmd {
	if c.busy() {
		c.queue = append(c.queue, m)
		return nil
	}
	return c.ask(m)
}

// ask adds the person's message and asks for the answer.
func (c *Conversation) ask(m composed) tea.Cmd {
	t := c.newQuestion(m)
	if c.edited >= 0 {
		t.replaces(c.transcript.turns[c.edited])
		c.transcript.turns = c.transcript.turns[:c.edited]
		c.edited = -1
		c.composer.restore(c.setAside)
		c.setAside = composed{}
	}
	c.add(t)
	return c.answer(nil)
}

func (c *Conversation) newQuestion(m composed) *turn {
	content, attached := m.content()
	return newQuestion(c.look, c.images, content, attached)
}

// add puts a message of the person's at the end of the transcript and into the
// history.
func (c *Conversation) add(t *turn) {
	parent, conversation, own := lastSaved(c.transcript.turns), c.ensureSaved(), t.saved
	c.history.write(func(ctx context.Context, store *history.Store) error {
		added, err := store.Add(ctx, history.Message{
			Conversation: conversation.id.Load(), Parent: parent(), Attached: t.attached,
			Message: engine.Message{Role: engine.User, Content: t.content},
		})
		own.id.Store(added.ID)
		return err
	})
	c.transcript.turns = append(c.transcript.turns, t)
	c.transcript.selectTurn(-1)
	c.transcript.follow = true
}

// lastSaved gives what tells, once the jobs before are done, the id of the last of
// some turns that is in the history: what the next message follows. An answer that
// never began is not there.
func lastSaved(turns []*turn) func() int64 {
	list := make([]*savedID, len(turns))
	for i, t := range turns {
		list[i] = t.saved
	}
	return func() int64 {
		for _, s := range slices.Backward(list) {
			if id := s.id.Load(); id != 0 {
				return id
			}
		}
		return 0
	}
}

// answer asks for the answer to the transcript, in place of one before if there is
// one.
func (c *Conversation) answer(before *turn) tea.Cmd {
	open := c.needModel()
	t := newAnswer(c.look, c.model.Name())
	if before != nil {
		t.replaces(before)
	}
	c.transcript.turns = append(c.transcript.turns, t)
	c.transcript.follow = true
	return tea.Batch(open, c.begin(t, false))
}

// needModel opens the model that there is to answer, when that was not known yet.
func (c *Conversation) needModel() tea.Cmd {
	if c.model != nil {
		return nil
	}
	return c.UseModel(c.ref)
}

// regenerate asks for another answer in place of the last one, or of the one at a
// turn; what followed it stays in the history.
func (c *Conversation) regenerate(i int) tea.Cmd {
	turns := c.transcript.turns
	for i >= 0 && turns[i].role != engine.User {
		i--
	}
	if c.busy() || i < 0 {
		return nil
	}
	var before *turn
	if i+1 < len(turns) {
		before = turns[i+1]
	}
	c.transcript.turns = turns[:i+1]
	c.transcript.selectTurn(-1)
	return c.answer(before)
}

// continueAnswer continues a cut answer.
func (c *Conversation) continueAnswer() tea.Cmd {
	t := c.last()
	if c.busy() || t == nil || !t.canContinue() {
		return nil
	}
	t.resume()
	c.transcript.selectTurn(-1)
	c.transcript.follow = true
	return tea.Batch(c.needModel(), c.begin(t, true))
}

// begin begins an answer, or goes on with one, as soon as its model is open.
func (c *Conversation) begin(t *turn, goesOn bool) tea.Cmd {
	t.waits = engines.Waiting{Phase: engines.Starting, Model: c.model.Name(), Loaded: -1}
	switch {
	case c.model.State == engines.Failed:
		c.waits, c.continuing = true, goesOn
		var cmd tea.Cmd
		c.model, cmd = c.engines.Reopen(c.ref, c.model.Options)
		t.refresh()
		return cmd
	case c.model.Engine == nil:
		c.waits, c.continuing = true, goesOn
		t.refresh()
		return nil
	}
	c.waits = false
	t.waits.Phase = engines.LoadingModel
	if c.model.State == engines.Ready {
		t.waits.Phase = engines.Prefilling
	}
	t.refresh()
	e, r, kept := c.model.Engine, c.request(goesOn), c.recorder(t, goesOn)
	if c.handled = c.handler != nil && !goesOn; c.handled {
		e, r, kept = c.handler.prepare(e, r, kept)
	}
	c.stream = startStream(c.tasks, e, r, kept)
	return c.stream.next()
}

// request asks for what comes after the transcript.
func (c *Conversation) request(goesOn bool) engine.ChatRequest {
	r := engine.ChatRequest{Sampling: c.sampling, Overflow: engine.OverflowDropOldest}
	if c.system != "" {
		r.Messages = append(r.Messages, engine.Message{Role: engine.System, Content: engine.Text(c.system)})
	}
	turns := c.transcript.turns
	for i, t := range turns {
		if i == len(turns)-1 && t.role == engine.Assistant && !goesOn {
			break // it is the one that is asked for
		}
		m := t.message()
		if len(m.Content) == 0 && len(m.ToolCalls) == 0 {
			continue
		}
		r.Messages = append(r.Messages, m)
	}
	r.Messages[len(r.Messages)-1].Prefix = goesOn
	return r
}

// recorder gives what writes an answer's events to the history. It is called from
// the goroutine that reads them.
func (c *Conversation) recorder(t *turn, goesOn bool) func(engine.Event) {
	t.begun = true
	turns := c.transcript.turns
	parent := lastSaved(turns[:len(turns)-1])
	conversation, own, model := c.ensureSaved(), t.saved, t.measured.Model
	recorder := history.Recorder{Model: model}
	c.history.write(func(ctx context.Context, store *history.Store) error {
		recorder.Conversation.ID = conversation.id.Load()
		if goesOn {
			recorder.Continue = own.id.Load()
		} else {
			recorder.Question.Parent = parent()
		}
		err := recorder.Begin(ctx, store)
		if recorder.Begun() {
			own.id.Store(recorder.Answer())
		}
		return err
	})
	return func(event engine.Event) {
		c.history.write(func(context.Context, *history.Store) error {
			if event == nil {
				return recorder.Close()
			}
			return recorder.Take(event)
		})
	}
}

// stop stops the answer on its way. What was queued comes back to be written.
func (c *Conversation) stop() {
	if c.waits {
		c.waits = false
		c.last().end(stopped, nil)
	}
	if c.stream != nil {
		c.stream.stop(errStopped)
	}
	c.unqueue()
}

// unqueue puts what was queued back into the composer.
func (c *Conversation) unqueue() {
	for _, m := range c.queue {
		c.composer.restore(m)
	}
	c.queue = nil
}

// Update takes the news of the answer on its way, and of its model.
func (c *Conversation) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case eventsCame:
		if msg.from == c.stream {
			return c.take(msg)
		}
	case thinkingCounted:
		for _, t := range c.transcript.turns {
			if t.saved == msg.of && msg.tokens > 0 {
				t.thinkingTokens = msg.tokens
				t.refresh()
			}
		}
	case pathRead:
		if msg.of == c.saved && !c.busy() {
			if msg.err != nil {
				c.notify.Error(msg.err)
				return nil
			}
			c.showPath(msg)
		}
	case modelRemembered:
		return c.useRemembered(msg)
	case engines.ModelOpened, engines.ModelReady:
		if cmd, ok := c.dropRemembered(); ok {
			return cmd
		}
		return c.modelNews()
	case engines.ModelLoading:
		if t := c.last(); msg.Ref == c.ref && t != nil && t.state == answering && t.waits.Phase == engines.LoadingModel {
			t.waits.Loaded = msg.Share
			t.refresh()
		}
	}
	return nil
}

// modelNews goes on with what waited for the model.
func (c *Conversation) modelNews() tea.Cmd {
	if !c.waits || c.model == nil {
		return nil
	}
	t := c.last()
	switch {
	case c.model.State == engines.Failed:
		c.waits = false
		t.end(failed, c.model.Err)
		c.unqueue()
	case c.model.Engine != nil:
		t.measured.Model = c.model.Name()
		return c.begin(t, c.continuing)
	}
	return nil
}

// take adds what has come of the answer.
func (c *Conversation) take(msg eventsCame) tea.Cmd {
	t, now := c.last(), time.Now()
	for _, event := range msg.events {
		if c.handled {
			c.handler.event(t, event, now)
		} else {
			t.take(event, now)
		}
		if out, ok := event.(engine.LeftOut); ok {
			c.leaveOut(out)
		}
	}
	if !msg.ended {
		t.refresh()
		return c.stream.next()
	}
	c.stream = nil
	if c.handled {
		c.handler.finish(t, now)
	}
	switch {
	case msg.err == nil:
		t.end(complete, nil)
	case errors.Is(msg.err, errStopped) || errors.Is(msg.err, context.Canceled):
		t.end(stopped, nil)
	default:
		t.end(failed, msg.err)
		c.unqueue()
	}
	count := c.countThinking(t)
	if len(c.queue) == 0 {
		return count
	}
	next := c.queue[0]
	c.queue = c.queue[1:]
	return tea.Batch(count, c.ask(next))
}

// thinkingCounted tells how many tokens a model thought.
type thinkingCounted struct {
	of     *savedID // the answer
	tokens int
}

// countThinking counts the tokens that the model thought, if it did.
func (c *Conversation) countThinking(t *turn) tea.Cmd {
	if t.thinking.Len() == 0 {
		return nil
	}
	ctx, count, text, of := c.tasks.Context(), c.composer.counter(), t.thinking.String(), t.saved
	return func() tea.Msg {
		return thinkingCounted{of, count(ctx, attachment{Attachment: attach.Attachment{Text: text}})}
	}
}

// leaveOut marks where the model's view of the conversation begins.
func (c *Conversation) leaveOut(out engine.LeftOut) {
	for i, t := range c.transcript.turns {
		if t.leftOut != nil || i == out.Messages {
			t.leftOut = nil
			if i == out.Messages {
				t.leftOut = &out
			}
			t.refresh()
		}
	}
}

// used and total are the context's tokens: those of the last answer with all that
// it was an answer to, and those that fit. 0 is unknown.
func (c *Conversation) used() (used, total int) {
	for i := len(c.transcript.turns) - 1; i >= 0 && used == 0; i-- {
		used = c.transcript.turns[i].measured.Usage.TotalTokens
	}
	if c.model != nil {
		total = c.model.Info.ContextLength
	}
	return used, total
}

// copyText is the command that puts a text on the clipboard.
func (c *Conversation) copyText(text, what string) tea.Cmd {
	c.notify.Say("copied " + what)
	return c.terminal.Copy(strings.TrimRight(text, "\n"))
}

// Busy reports whether an answer is on its way.
func (c *Conversation) Busy() bool { return c.busy() }
