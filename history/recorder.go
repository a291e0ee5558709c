package history

import (
	"context"
	"errors"

	"github.com/bise-sh/bise/engine"
)

// A Recorder saves a question and its answers while they stream. Its fields are set before
// Begin. It is for one goroutine at a time.
type Recorder struct {
	// Conversation is where to save. Without an ID, Begin starts one with its mode and
	// model, and with the system prompt.
	Conversation Conversation
	// Question is saved after its parent. Without content it is in the history already,
	// and its Parent is what the answers follow.
	Question Message
	Model    string // that answers
	Choices  int    // answers to the question; 0 is one
	// Continue is a stopped answer to continue in place of new answers, or 0.
	Continue int64

	replies []*Reply // one for each choice
}

// IsAccepted reports whether an event shows that the engine has accepted the request.
// A command begins to record then: a refused request leaves nothing behind.
func IsAccepted(event engine.Event) bool {
	switch e := event.(type) {
	case engine.Loading:
		return false
	case engine.Progress:
		return e.Queued == 0
	}
	return true
}

// Begin saves the question and begins the answers.
func (r *Recorder) Begin(ctx context.Context, s *Store) error {
	if r.Continue != 0 {
		reply, err := s.Continue(ctx, r.Continue)
		if err == nil {
			r.replies = []*Reply{reply}
		}
		return err
	}
	if len(r.Question.Content) > 0 {
		if err := r.ask(ctx, s); err != nil {
			return err
		}
	}
	parent := r.Question.ID
	if parent == 0 {
		parent = r.Question.Parent
	}
	for choice := range max(1, r.Choices) {
		reply, err := s.Begin(ctx, Message{
			Conversation: r.Conversation.ID, Parent: parent, Message: engine.Message{Role: engine.Assistant}, Measured: Measured{Model: r.Model},
		})
		if err != nil {
			return err
		}
		reply.Choice = choice
		r.replies = append(r.replies, reply)
	}
	if len(r.replies) == 1 {
		return nil // it is the leaf
	}
	return s.Switch(ctx, r.replies[0].Message())
}

// ask saves the question, in a new conversation if there is none.
func (r *Recorder) ask(ctx context.Context, s *Store) (err error) {
	c := r.Conversation
	if c.ID == 0 {
		started, err := s.Start(ctx, c.Mode, c.Model)
		if err != nil {
			return err
		}
		c.ID = started.ID
		r.Conversation = c
		if c.System != "" {
			if err := s.SetSystem(ctx, c.ID, c.System); err != nil {
				return err
			}
		}
	} else if err := s.SetModel(ctx, c.ID, c.Mode, c.Model); err != nil {
		return err
	}
	r.Question.Conversation = c.ID
	r.Question, err = s.Add(ctx, r.Question)
	return err
}

// HasBegun reports whether Begin has begun the answers.
func (r *Recorder) HasBegun() bool { return len(r.replies) > 0 }

// Answer is the id of the first answer, 0 before Begin.
func (r *Recorder) Answer() int64 {
	if !r.HasBegun() {
		return 0
	}
	return r.replies[0].Message()
}

// Record saves an event of the answers.
func (r *Recorder) Record(event engine.Event) error {
	for _, reply := range r.replies {
		if err := reply.Record(event); err != nil {
			return err
		}
	}
	return nil
}

// Fail ends the answers and saves why they failed.
func (r *Recorder) Fail(why error) error {
	err := r.Close()
	for _, reply := range r.replies {
		err = errors.Join(err, reply.s.Fail(reply.ctx, reply.message, why))
	}
	return err
}

// Close ends the answers. Another call does nothing.
func (r *Recorder) Close() error {
	var err error
	for _, reply := range r.replies {
		err = errors.Join(err, reply.Close())
	}
	return err
}
