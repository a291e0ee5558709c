package answer

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/past"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/modes/chat"
)

// A recording saves a question and its answers to the history. It begins when the
// engine has accepted the request. What cannot be saved gives a note and does not end
// the answer.
type recording struct {
	history.Recorder
	con     *console.Console
	history *past.Opener
	store   *history.Store
	closed  bool

	setsSystem bool // of a conversation that is continued
}

// remember prepares to save a question. It returns the earlier messages if the question
// continues the last conversation.
func remember(ctx context.Context, con *console.Console, conf config.Config, h *past.Opener, v ask, q chat.Question) (*recording, []engine.Message, error) {
	r := &recording{con: con, history: h}
	r.Conversation.Mode, r.Conversation.System, r.Question = v.mode, conf.System, questionAsked(q)
	if v.systemSet {
		r.Conversation.System = v.system
	}
	r.closed = v.noHistory || conf.History != nil && !*conf.History
	if !v.continues {
		return r, nil, nil
	}
	var before []history.Message
	err := h.Use(ctx, func(s *history.Store) (err error) {
		r.Conversation, before, err = lastConversation(ctx, s)
		return err
	})
	if r.setsSystem = v.systemSet; v.systemSet {
		r.Conversation.System = v.system
	}
	if len(before) > 0 {
		r.Question.Parent = before[len(before)-1].ID
	}
	return r, history.Messages(before), err
}

// lastConversation reads the conversation that was last talked in, up to the
// message that a question can follow: one that was not answered is asked again in
// other words.
func lastConversation(ctx context.Context, s *history.Store) (history.Conversation, []history.Message, error) {
	list, err := s.List(ctx, history.Conversation{}, 100)
	if err != nil {
		return history.Conversation{}, nil, err
	}
	i := slices.IndexFunc(list, func(c history.Conversation) bool { return c.Leaf != 0 }) // others are drafts
	if i < 0 {
		return history.Conversation{}, nil, &fault.Error{Kind: fault.Usage, Msg: "no conversation to continue", Advice: "Start one: bise ask without -c."}
	}
	path, err := s.Path(ctx, list[i].ID)
	for n := len(path); n > 0 && (path[n-1].Role == engine.User || len(history.Messages(path[n-1:])) == 0); n-- {
		path = path[:n-1]
	}
	return list[i], path, err
}

// questionAsked is a question for the history.
func questionAsked(q chat.Question) history.Message {
	content, attached := q.Content()
	m := history.Message{Message: engine.Message{Role: engine.User, Content: content}}
	for _, a := range attached {
		m.Attached = append(m.Attached, history.Attachment(a))
	}
	return m
}

// take saves what an event adds.
func (r *recording) take(ctx context.Context, event engine.Event) {
	if r.closed || !r.HasBegun() && !history.IsAccepted(event) {
		return
	}
	err := r.begin(ctx)
	if err == nil {
		err = r.Record(event)
	}
	if err != nil {
		r.fail(err)
	}
}

// begin begins to record, once.
func (r *recording) begin(ctx context.Context) (err error) {
	if r.HasBegun() {
		return nil
	}
	if r.store, err = r.history.Open(); err != nil {
		return err
	}
	if err := r.Begin(ctx, r.store); err != nil || !r.setsSystem {
		return err
	}
	return r.store.SetSystem(ctx, r.Conversation.ID, r.Conversation.System)
}

// failed saves that the answer failed: later questions leave out this one.
func (r *recording) failed(why error) {
	if r.closed || !r.HasBegun() {
		return
	}
	if err := r.Fail(why); err != nil {
		r.fail(err)
	}
}

// by says who answers, in how many choices.
func (r *recording) by(info engine.Info, c library.Choice, choices int) {
	r.Conversation.Model, r.Model, r.Choices = cmp.Or(c.Ref, info.Model), info.Model, choices
	if c.Remote {
		r.Model = c.Ref
	}
}

// fail says that nothing more is kept.
func (r *recording) fail(err error) {
	notKept(r.con, err)
	r.close()
}

// notKept says that something is not kept, and why.
func notKept(con *console.Console, err error) {
	msg, hint := fault.Explain(err)
	con.Notef("%s", strings.TrimSpace("Not saved to the history: "+msg+" "+hint))
}

// close ends what is kept.
func (r *recording) close() {
	if r.closed {
		return
	}
	r.closed = true
	if r.store == nil {
		return
	}
	if err := errors.Join(r.Close(), r.store.Close()); err != nil {
		r.con.Notef("The answer in the history may be incomplete: %s", fault.Sentence(err.Error()))
	}
}
