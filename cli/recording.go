package cli

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/modes/chat"
)

// A recording keeps what is asked and answered. It begins when the engine has taken
// the request: one that was refused leaves nothing behind. That nothing can be kept
// is said, and ends no answer.
type recording struct {
	a            *app
	store        *history.Store
	conversation history.Conversation // without an ID until a new one has begun
	mode, system string               // of a new conversation
	question     history.Message
	name         string           // of the model
	choices      int              // answers to it
	replies      []*history.Reply // one for each choice
	closed       bool
}

// remember prepares to keep a question, and reads what was said before when it
// continues the last conversation.
func (a *app) remember(ctx context.Context, v ask, q chat.Question) (*recording, []engine.Message, error) {
	r := &recording{a: a, mode: v.mode, system: v.system, question: questionAsked(q)}
	r.closed = v.noHistory || a.config.History != nil && !*a.config.History
	if !v.continues {
		return r, nil, nil
	}
	var before []history.Message
	err := a.withHistory(ctx, func(s *history.Store) (err error) {
		r.conversation, before, err = lastConversation(ctx, s)
		return err
	})
	if len(before) > 0 {
		r.question.Parent = before[len(before)-1].ID
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
		return history.Conversation{}, nil, &fault.Error{Kind: fault.Usage, Msg: "there is no conversation to continue", Advice: "Begin one: bise ask, without -c."}
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

// take keeps what an event says.
func (r *recording) take(ctx context.Context, event engine.Event) {
	if r.closed {
		return
	}
	switch e := event.(type) {
	case engine.Loading:
		return
	case engine.Progress:
		if e.Queued > 0 {
			return
		}
	}
	if r.replies == nil {
		if err := r.begin(ctx); err != nil {
			r.fail(err)
			return
		}
	}
	for _, reply := range r.replies {
		if err := reply.Take(event); err != nil {
			r.fail(err)
			return
		}
	}
}

// begin keeps the question, and begins the answers.
func (r *recording) begin(ctx context.Context) (err error) {
	if r.store, err = r.a.openHistory(); err != nil {
		return err
	}
	c := r.conversation
	if c.ID == 0 {
		if c, err = r.store.Start(ctx, r.mode, c.Model); err != nil {
			return err
		}
		if r.system != "" {
			m, err := r.store.Add(ctx, history.Message{Conversation: c.ID, Message: engine.Message{Role: engine.System, Content: engine.Text(r.system)}})
			if err != nil {
				return err
			}
			r.question.Parent = m.ID
		}
	} else if err := r.store.Choose(ctx, c.ID, c.Mode, c.Model); err != nil {
		return err
	}
	r.question.Conversation = c.ID
	question, err := r.store.Add(ctx, r.question)
	if err != nil {
		return err
	}
	for choice := range r.choices {
		reply, err := r.store.Begin(ctx, history.Message{
			Conversation: c.ID, Parent: question.ID, Message: engine.Message{Role: engine.Assistant}, Measured: history.Measured{Model: r.name},
		})
		if err != nil {
			return err
		}
		reply.Choice = choice
		r.replies = append(r.replies, reply)
	}
	return r.store.Switch(ctx, r.replies[0].Message())
}

// by says who answers, in how many choices.
func (r *recording) by(info engine.Info, ref string, choices int) {
	if ref == "" {
		ref = info.Model
	}
	r.conversation.Model, r.name, r.choices = lasting(ref), info.Model, choices
}

// fail says that nothing more is kept.
func (r *recording) fail(err error) {
	r.a.notKept(err)
	r.close()
}

// notKept says that something is not kept, and why.
func (a *app) notKept(err error) {
	msg, hint := fault.Explain(err)
	a.note("%s", strings.TrimSpace("This is not kept in the history: "+msg+" "+hint))
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
	var err error
	for _, reply := range r.replies {
		err = errors.Join(err, reply.Close())
	}
	if err = errors.Join(err, r.store.Close()); err != nil {
		r.a.note("The answer may not be whole in the history: %s", fault.Sentence(err.Error()))
	}
}

// lasting is a REF that means the same from any folder.
func lasting(ref string) string {
	if info, err := os.Stat(ref); err == nil && info.Mode().IsRegular() {
		if abs, err := filepath.Abs(ref); err == nil {
			return abs
		}
	}
	return ref
}
