package talk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/modes/chat"
	"github.com/bise-sh/bise/modes/progress"
	"github.com/bise-sh/bise/tui/engines"
	"github.com/bise-sh/bise/tui/images"
	"github.com/bise-sh/bise/tui/kit"
	"github.com/bise-sh/bise/tui/past"
	"github.com/bise-sh/bise/tui/terminal"
)

// A Conversation is a chat with a model: the transcript, the composer below it, and the
// current answer. It is the screen of the chat, math and vision modes.
type Conversation struct {
	look     *kit.Look
	notify   kit.Notify
	tasks    *kit.Tasks
	terminal *terminal.Terminal
	engines  *engines.Engines
	history  *past.Writer
	images   *images.Cache
	folder   string // for files
	sampling engine.Sampling
	effort   string // reasoning effort of config.toml

	mode       string // its name in the history
	standard   string // the system prompt of a new conversation
	system     string // of this one; may be empty
	parameters engine.Parameters
	transcript *transcript
	composer   *composer
	find       *finder

	commands []kit.Command // of the mode alone
	handler  answerHandler // nil: answers are plain text

	saved      *past.ID // nil: not in the history yet
	ref        string   // of the model
	home       string   // of the model of new conversations
	model      *engines.Model
	stream     *engines.Stream // the current answer; nil: none
	pending    bool            // the answer starts when the model is open
	continuing bool            // the pending answer continues the last one
	hideImages string          // REF of a model that does not get the earlier images
	useHandler bool            // the current answer uses handler
	queue      []draftMessage
	byLine     bool   // messages are entered as lines
	entered    string // the text entered as lines, which is not printed again

	edited     int          // the turn in the composer;
	beforeEdit draftMessage // the draft from before the edit
	keptDraft  draftMark    // the draft that was saved last
	soughtSent bool         // previous messages were requested from the history
	asked      askedMark    // the message that the user was warned about last
	slip       string       // the unknown command that was reported last
	counted    turnsCounted // where the last answer does not say its tokens

	width, height int
}

// An answerHandler processes answers that are more than text, from the request to the end.
type answerHandler interface {
	// prepare changes the engine, the request and what record gets. record is called from the
	// goroutine that reads the events, and with nil at their end.
	prepare(e engine.Engine, r engine.ChatRequest, record func(engine.Event)) (engine.Engine, engine.ChatRequest, func(engine.Event))
	// event adds an event to the answer's turn, and finish completes the turn.
	event(t *turn, event engine.Event, now time.Time)
	finish(t *turn, now time.Time)
}

// Options are the settings and services of a conversation.
type Options struct {
	Look     *kit.Look
	Notify   kit.Notify
	Tasks    *kit.Tasks
	Terminal *terminal.Terminal
	Engines  *engines.Engines
	History  *past.Writer
	Images   *images.Cache
	Folder   string // for @; "" disables it
	Model    string // REF; "": that of the mode
	Sampling engine.Sampling
	Effort   string
	System   string // the system prompt of new conversations
	// Commands returns the commands of the interface, listed after those of the mode.
	Commands func() []kit.Command
}

func newConversation(o Options, mode, placeholder string) *Conversation {
	c := &Conversation{
		look: o.Look, notify: o.Notify, tasks: o.Tasks, terminal: o.Terminal, engines: o.Engines, history: o.History, images: o.Images,
		folder: o.Folder, sampling: o.Sampling, effort: o.Effort, standard: o.System, system: o.System,
		mode: mode, ref: o.Model, edited: -1,
		transcript: newTranscript(o.Look), composer: newComposer(o, mode, placeholder),
	}
	c.find = newFinder(c.transcript)
	c.composer.commands = func() []kit.Command { return append(c.Commands(), o.Commands()...) }
	return c
}

// busy reports whether an answer is being generated or waits for its model.
func (c *Conversation) busy() bool { return c.stream != nil || c.pending }

// last returns the last turn, or nil.
func (c *Conversation) last() *turn {
	if n := len(c.transcript.turns); n > 0 {
		return c.transcript.turns[n-1]
	}
	return nil
}

// Using returns the model that answers.
func (c *Conversation) Using() *engines.Model { return c.model }

// UseModel switches to a model that the user chose, also for new conversations. A question that
// waits for a model, or that the model before could not answer, is answered; but not by a server
// that is announced first.
func (c *Conversation) UseModel(ref string) tea.Cmd {
	c.home = ref
	cmd := c.use(ref)
	announced := c.engines.Announcement(c.model, "") != ""
	switch t := c.last(); {
	case c.pending && announced:
		c.pending = false
		t.end(stopped, nil)
	case c.pending:
		return tea.Batch(cmd, c.resumePending())
	case t != nil && t.unanswered() && !announced:
		return tea.Batch(cmd, c.regenerate(len(c.transcript.turns)-1))
	}
	return cmd
}

// takeChoice uses the model of the mode, unless there is one already, or one that the user
// named.
func (c *Conversation) takeChoice(msg engines.ModelChosen) tea.Cmd {
	switch {
	case msg.Mode != c.mode:
	case msg.Asked && msg.Err != nil:
		c.notify.Error(msg.Err)
	case msg.Asked, c.model.Undecided():
		return c.UseModel(msg.Ref)
	case c.home == "":
		c.home = msg.Ref
	}
	return nil
}

// startNew starts a new conversation, with the mode's model rather than that of an old one.
func (c *Conversation) startNew() tea.Cmd {
	c.reset()
	if c.model == nil || c.home == c.ref {
		return nil
	}
	return c.use(c.home)
}

// use switches to a model and opens it if needed.
func (c *Conversation) use(ref string) tea.Cmd {
	var cmd tea.Cmd
	c.ref = ref
	c.model, cmd = c.engines.Use(ref)
	c.composer.model = c.model
	if s := c.saved; s != nil {
		mode := c.mode
		c.history.Write(func(ctx context.Context, store *history.Store) error {
			return store.SetModel(ctx, s.Load(), mode, ref)
		})
	}
	return cmd
}

// ensureSaved adds the conversation to the history if it is not there.
func (c *Conversation) ensureSaved() *past.ID {
	if c.saved == nil {
		s := new(past.ID)
		c.saved = s
		mode, ref, system := c.mode, c.ref, c.system
		c.history.Write(func(ctx context.Context, store *history.Store) error {
			started, err := store.Start(ctx, mode, ref)
			s.Store(started.ID)
			if err == nil && system != "" {
				err = store.SetSystem(ctx, started.ID, system)
			}
			return err
		})
	}
	return c.saved
}

// send sends a message, or queues it while an answer is being generated.
func (c *Conversation) send(m draftMessage) tea.Cmd {
	if c.busy() {
		c.queue = append(c.queue, m)
		return nil
	}
	return c.ask(m)
}

// ask adds the user's message and requests the answer.
func (c *Conversation) ask(m draftMessage) tea.Cmd {
	t := c.newQuestion(m)
	if c.edited >= 0 {
		t.replaceTurn(c.transcript.turns[c.edited])
		c.transcript.turns = c.transcript.turns[:c.edited]
		c.edited = -1
		c.composer.restore(c.beforeEdit)
		c.beforeEdit = draftMessage{}
	}
	c.add(t)
	return c.answer(nil)
}

func (c *Conversation) newQuestion(m draftMessage) *turn {
	content, attached := m.content()
	return newQuestion(c.look, c.images, content, attached)
}

// add appends the user's message to the transcript and to the history.
func (c *Conversation) add(t *turn) {
	parent, conversation, own := lastSaved(c.transcript.turns), c.ensureSaved(), t.saved
	c.history.Write(func(ctx context.Context, store *history.Store) error {
		added, err := store.Add(ctx, history.Message{
			Conversation: conversation.Load(), Parent: parent(), Attached: t.attached,
			Message: engine.Message{Role: engine.User, Content: t.content},
		})
		own.Store(added.ID)
		return err
	})
	if before := c.last(); before != nil && before.repairs != "" { // the keys are for the last answer
		before.repairs = ""
		before.refresh()
	}
	c.transcript.turns = append(c.transcript.turns, t)
	c.transcript.selectTurn(-1)
	c.transcript.toEnd()
}

// lastSaved returns a function that finds the parent of the next message: the last of the
// turns that is in the history. It is called after the jobs before it, which set the ids.
func lastSaved(turns []*turn) func() int64 {
	list := make([]*past.ID, len(turns))
	for i, t := range turns {
		list[i] = t.saved
	}
	return func() int64 {
		for _, s := range slices.Backward(list) {
			if id := s.Load(); id != 0 {
				return id
			}
		}
		return 0
	}
}

// answer requests the answer to the transcript. It replaces the answer before, if not nil.
func (c *Conversation) answer(before *turn) tea.Cmd {
	open := c.needModel()
	t := newAnswer(c.look, c.model.Name())
	if before != nil {
		t.replaceTurn(before)
	}
	c.transcript.turns = append(c.transcript.turns, t)
	c.transcript.toEnd()
	return tea.Batch(open, c.begin(t, false))
}

// needModel opens the model if none was opened yet.
func (c *Conversation) needModel() tea.Cmd {
	switch {
	case c.model != nil:
		return nil
	case c.ref == "":
		c.model = engines.Undecided()
		return c.engines.Choose(c.mode, "")
	}
	c.home = c.ref
	return c.use(c.ref)
}

// regenerate requests another answer to the user's message at or before turn i. The messages
// after it stay in the history.
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
	c.transcript.toEnd()
	return tea.Batch(c.needModel(), c.begin(t, true))
}

// begin starts or continues an answer, or marks it as pending until its model is open.
func (c *Conversation) begin(t *turn, continuing bool) tea.Cmd {
	t.waiting = progress.Progress{Phase: progress.Starting, Model: c.model.Name(), Loaded: -1}
	switch {
	case c.model.State == engines.Failed:
		c.pending, c.continuing = true, continuing
		var cmd tea.Cmd
		c.model, cmd = c.engines.Reopen(c.ref, c.model.Options)
		t.refresh()
		return cmd
	case c.model.Engine == nil:
		c.pending, c.continuing = true, continuing
		t.refresh()
		return nil
	}
	t.waiting.Phase = progress.Loading
	if c.model.State == engines.Loading && c.hasEarlierImages() { // whether the model can see them is not known yet
		c.pending, c.continuing = true, continuing
		t.refresh()
		return nil
	}
	c.pending, t.by = false, c.model
	if c.model.State == engines.Ready {
		t.waiting.Phase = progress.Prefilling
	}
	t.refresh()
	e, r, record := c.model.Engine, c.fitRequest(t, c.request(continuing)), c.recorder(t, continuing)
	if c.useHandler = c.handler != nil && !continuing; c.useHandler {
		e, r, record = c.handler.prepare(e, r, record)
	}
	c.engines.MarkSent(c.model)
	c.stream = engines.Ask(c.tasks, e, r, record)
	return c.stream.Next()
}

// request returns the request for the next answer.
func (c *Conversation) request(continuing bool) engine.ChatRequest {
	turns := c.transcript.turns
	if n := len(turns); n > 0 && turns[n-1].role == engine.Assistant && !continuing {
		turns = turns[:n-1] // the answer that is requested
	}
	r := c.requestOf(turns)
	c.parameters.Apply(&r)
	r.Messages[len(r.Messages)-1].Prefix = continuing
	return r
}

// requestOf returns a request with the messages of turns.
func (c *Conversation) requestOf(turns []*turn) engine.ChatRequest {
	path := make([]history.Message, len(turns))
	for i, t := range turns {
		path[i] = history.Message{Message: t.message(), Measured: t.measured}
	}
	r := chat.Request(c.system, history.Messages(path)...)
	r.Sampling = c.sampling
	if c.model != nil && c.model.Info.HasEffort() {
		r.ReasoningEffort = c.effort
	}
	return r
}

// fail ends the current answer with an error. Later requests leave out a question without an
// answer: it might make them fail too.
func (c *Conversation) fail(t *turn, err error) {
	t.measured.Error, _ = fault.Explain(err)
	t.repairs = c.repairs(t)
	t.end(failed, err)
	if own := t.saved; t.begun {
		c.history.Write(func(ctx context.Context, store *history.Store) error { return store.Fail(ctx, own.Load(), err) })
	}
	c.unqueue()
}

// recorder returns a function that writes an answer's events to the history. It is called from
// the goroutine that reads them.
func (c *Conversation) recorder(t *turn, continuing bool) func(engine.Event) {
	t.begun = true
	turns := c.transcript.turns
	parent := lastSaved(turns[:len(turns)-1])
	conversation, own, model := c.ensureSaved(), t.saved, t.measured.Model
	recorder := history.Recorder{Model: model}
	c.history.Write(func(ctx context.Context, store *history.Store) error {
		recorder.Conversation.ID = conversation.Load()
		if continuing {
			recorder.Continue = own.Load()
		} else {
			recorder.Question.Parent = parent()
		}
		err := recorder.Begin(ctx, store)
		if recorder.HasBegun() {
			own.Store(recorder.Answer())
		}
		return err
	})
	return func(event engine.Event) {
		c.history.Write(func(context.Context, *history.Store) error {
			if event == nil {
				return recorder.Close()
			}
			return recorder.Record(event)
		})
	}
}

// stop stops the current answer and moves the queued messages back to the composer.
func (c *Conversation) stop() {
	if c.pending {
		c.pending = false
		c.last().end(stopped, nil)
	}
	if c.stream != nil {
		c.stream.Stop(engines.ErrStopped)
	}
	c.unqueue()
}

// unqueue moves the queued messages back to the composer.
func (c *Conversation) unqueue() {
	for _, m := range c.queue {
		c.composer.restore(m)
	}
	c.queue = nil
}

// Update handles messages about the current answer and its model.
func (c *Conversation) Update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case engines.EventsReceived:
		if msg.From == c.stream {
			return c.take(msg)
		}
	case thinkingCounted:
		for _, t := range c.transcript.turns {
			if t.saved == msg.of && msg.tokens > 0 {
				t.thinkingTokens = msg.tokens
				t.refresh()
			}
		}
	case attachmentsCounted:
		msg.take()
	case turnsCounted:
		if msg.mode == c.mode && msg.mark == c.counted.mark {
			c.counted = msg
		}
	case pathRead:
		if msg.of == c.saved && !c.busy() {
			if msg.err != nil {
				c.notify.Error(msg.err)
				return nil
			}
			c.showPath(msg)
		}
	case engines.ModelChosen:
		return c.takeChoice(msg)
	case past.PromptsRead:
		if msg.Mode == c.mode {
			c.composer.sent = append(msg.Texts, c.composer.sent...)
			if c.composer.Text == "" {
				c.composer.recallSent(1)
			}
		}
	case engines.ModelOpened, engines.ModelReady:
		if c.fitsNow() {
			return c.regenerate(len(c.transcript.turns) - 1)
		}
		return c.resumePending()
	case engines.ModelLoading:
		if t := c.last(); msg.Ref == c.ref && t != nil && t.state == answering && t.waiting.Phase == progress.Loading {
			t.waiting.Loaded = msg.Share
			t.refresh()
		}
	}
	return nil
}

// resumePending starts the pending answer when its model is open.
func (c *Conversation) resumePending() tea.Cmd {
	if !c.pending || c.model == nil {
		return nil
	}
	t := c.last()
	switch {
	case c.model.State == engines.Failed:
		c.pending = false
		c.fail(t, c.model.Err)
	case c.model.Engine != nil:
		t.measured.Model = c.model.Name()
		return c.begin(t, c.continuing)
	}
	return nil
}

// take adds events to the current answer.
func (c *Conversation) take(msg engines.EventsReceived) tea.Cmd {
	t, now := c.last(), time.Now()
	t.pieces = msg.Pieces
	for _, event := range msg.Events {
		if c.useHandler {
			c.handler.event(t, event, now)
		} else {
			t.take(event, now)
		}
		if out, ok := event.(engine.LeftOut); ok {
			c.leaveOut(out)
		}
	}
	c.transcript.unseen = !c.transcript.follow
	if !msg.Ended {
		t.refresh()
		return c.stream.Next()
	}
	c.stream = nil
	if c.useHandler {
		c.handler.finish(t, now)
	}
	switch {
	case msg.Err == nil:
		t.end(complete, nil)
	case errors.Is(msg.Err, engines.ErrStopped) || errors.Is(msg.Err, context.Canceled):
		t.end(stopped, nil)
	default:
		c.fail(t, msg.Err)
	}
	count := c.countThinking(t)
	if len(c.queue) == 0 {
		return count
	}
	next := c.queue[0]
	c.queue = c.queue[1:]
	return tea.Batch(count, c.ask(next))
}

// leaveOut marks the first message that is in the context.
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

// copyText is a command that copies text to the clipboard.
func (c *Conversation) copyText(text, what string) tea.Cmd {
	c.notify.Info("copied " + what)
	return c.terminal.Copy(strings.TrimRight(text, "\n"))
}

// Busy is busy, for [kit.Narrator].
func (c *Conversation) Busy() bool { return c.busy() }
