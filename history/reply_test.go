package history

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
)

// begun is an answer to a question.
func begun(t *testing.T, s *Store) (Conversation, *Reply) {
	t.Helper()
	c := started(t, s)
	q := said(t, s, c.ID, 0, engine.User, "why?")
	r, err := s.Begin(t.Context(), Message{
		Conversation: c.ID, Parent: q.ID, Message: engine.Message{Role: engine.Assistant}, Measured: Measured{Model: "Ministral 3 8B"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

func take(t *testing.T, r *Reply, events ...engine.Event) {
	t.Helper()
	for _, e := range events {
		if err := r.Record(e); err != nil {
			t.Fatal(err)
		}
	}
}

func end(t *testing.T, r *Reply) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// leaf is the message at the end of a conversation.
func leaf(t *testing.T, s *Store, conversation int64) Message {
	t.Helper()
	p, err := s.Path(t.Context(), conversation)
	if err != nil || len(p) == 0 {
		t.Fatalf("%v, %v", p, err)
	}
	return p[len(p)-1]
}

func TestReply(t *testing.T) {
	s := openTest(t)
	c, r := begun(t, s)
	call := engine.ToolCall{ID: "abcdefghi", Function: engine.FunctionCall{Name: "get", Arguments: `{"a":"<"}`}}
	second := engine.ToolCall{ID: "abcdefghj", Index: 1, Function: engine.FunctionCall{Name: "set", Arguments: `{}`}}
	take(
		t, r,
		engine.Loading{Fraction: 1}, engine.Progress{Done: 1}, engine.LeftOut{Messages: 2, Tokens: 10, Context: 100},
		engine.ThinkingDelta{Text: "let me "}, engine.ThinkingDelta{Text: "see"},
		engine.TextDelta{Text: "Be"}, engine.TextDelta{Choice: 1, Text: "another answer"}, engine.TextDelta{Text: ""}, engine.TextDelta{Text: "cause 🌬"},
		engine.ToolCallDelta{Call: call}, engine.ToolCallDelta{Call: second}, engine.Finish{Choice: 1, Reason: engine.FinishLength},
	)
	want := engine.Message{
		Role: engine.Assistant, Content: engine.Content{{Type: engine.ThinkingChunk, Text: "let me see"}, {Type: engine.TextChunk, Text: "Because 🌬"}},
		ToolCalls: []engine.ToolCall{call, second},
	}
	got := leaf(t, s, c.ID)
	if got.State != Streaming || !reflect.DeepEqual(got.Message, want) {
		t.Errorf("while it comes: %v %+v", got.State, got.Message)
	}
	done := engine.Done{Usage: engine.Usage{PromptTokens: 3, CompletionTokens: 4}, Timings: engine.Timings{Decode: time.Second, Generated: 4}}
	take(t, r, engine.Finish{Reason: engine.FinishToolCalls}, done)
	end(t, r)
	end(t, r)
	got = leaf(t, s, c.ID)
	measured := Measured{
		Model: "Ministral 3 8B", Finish: engine.FinishToolCalls, Usage: done.Usage, Timings: done.Timings,
		LeftOut: engine.LeftOut{Messages: 2, Tokens: 10, Context: 100},
	}
	if got.State != Complete || !reflect.DeepEqual(got.Message, want) || !reflect.DeepEqual(got.Measured, measured) || got.ID != r.Message() {
		t.Errorf("whole: %+v", got)
	}
	if n := rows(t, s, "pieces"); n != 0 {
		t.Errorf("%d pieces are left", n)
	}
	if hits, err := s.Search(t.Context(), "because", 5); err != nil || len(hits) != 1 || hits[0].Role != engine.Assistant {
		t.Errorf("search: %+v, %v", hits, err)
	}
}

func TestReplyOfOneChoice(t *testing.T) {
	s := openTest(t)
	c, r := begun(t, s)
	r.Choice = 1
	take(t, r, engine.TextDelta{Text: "no"}, engine.TextDelta{Choice: 1, Text: "yes"}, engine.Finish{Reason: engine.FinishStop})
	end(t, r)
	if got := leaf(t, s, c.ID); got.State != Stopped || got.Content.Plain() != "yes" {
		t.Errorf("%v %+v", got.State, got.Content)
	}
}

// TestReplyStopped stops an answer as a person does: the request's context ends.
func TestReplyStopped(t *testing.T) {
	s := openTest(t)
	c := started(t, s)
	ctx, stop := context.WithCancel(t.Context())
	r, err := s.Begin(ctx, Message{Conversation: c.ID, Message: engine.Message{Role: engine.Assistant}})
	if err != nil {
		t.Fatal(err)
	}
	take(t, r, engine.ThinkingDelta{Text: "well"})
	stop()
	take(t, r, engine.ThinkingDelta{Text: ", on its way"})
	end(t, r)
	want := engine.Content{{Type: engine.ThinkingChunk, Text: "well, on its way", Open: true}}
	if got := leaf(t, s, c.ID); got.State != Stopped || !reflect.DeepEqual(got.Content, want) {
		t.Errorf("%v %+v", got.State, got.Content)
	}
}

func TestContinue(t *testing.T) {
	s := openTest(t)
	c, r := begun(t, s)
	take(t, r, engine.ThinkingDelta{Text: "hm"})
	end(t, r)
	for _, text := range []string{"One", ", two"} {
		r, err := s.Continue(t.Context(), r.Message())
		if err != nil {
			t.Fatal(err)
		}
		if got := leaf(t, s, c.ID); got.State != Streaming {
			t.Errorf("state %v", got.State)
		}
		take(t, r, engine.TextDelta{Text: text}, engine.Finish{Reason: engine.FinishLength})
		end(t, r)
	}
	want := engine.Content{{Type: engine.ThinkingChunk, Text: "hm"}, {Type: engine.TextChunk, Text: "One, two"}}
	if got := leaf(t, s, c.ID); got.State != Complete || got.Measured.Finish != engine.FinishLength || got.Measured.Model != "Ministral 3 8B" || !reflect.DeepEqual(got.Content, want) {
		t.Errorf("%+v", got)
	}
}

// TestSettle ends an answer whose writer seems dead, and is not: it goes on.
func TestSettle(t *testing.T) {
	s := openTest(t)
	c, r := begun(t, s)
	take(t, r, engine.TextDelta{Text: "Swallows "})
	if err := s.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := leaf(t, s, c.ID); got.State != Streaming {
		t.Errorf("a fresh answer is %v", got.State)
	}
	for range 2 {
		if err := s.endAnswers(t.Context(), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	if got := leaf(t, s, c.ID); got.State != Stopped || got.Content.Plain() != "Swallows " || got.Measured.Model != "Ministral 3 8B" {
		t.Errorf("settled: %+v", got)
	}
	if hits, err := s.Search(t.Context(), "swallows", 5); err != nil || len(hits) != 1 {
		t.Errorf("search: %+v, %v", hits, err)
	}
	take(t, r, engine.TextDelta{Text: "in "})
	if got := leaf(t, s, c.ID); got.Content.Plain() != "Swallows in " {
		t.Errorf("goes on: %+v", got.Content)
	}
	take(t, r, engine.TextDelta{Text: "May"}, engine.Finish{Reason: engine.FinishStop})
	end(t, r)
	if got := leaf(t, s, c.ID); got.State != Complete || got.Content.Plain() != "Swallows in May" {
		t.Errorf("whole: %+v", got)
	}
	if hits, err := s.Search(t.Context(), "swallows may", 5); err != nil || len(hits) != 1 {
		t.Errorf("search: %+v, %v", hits, err)
	}
}

func TestReplyIsBounded(t *testing.T) {
	s := openTest(t)
	c, r := begun(t, s)
	take(t, r, engine.TextDelta{Text: "a"})
	r.size = maxMessage - 1 // as if it had written so much
	take(t, r, engine.TextDelta{Text: "b"})
	if err := r.Record(engine.TextDelta{Text: "c"}); err == nil || !strings.Contains(err.Error(), "the limit of") {
		t.Error("an endless answer is kept")
	}
	end(t, r)
	if got := leaf(t, s, c.ID); got.Content.Plain() != "ab" {
		t.Errorf("%+v", got.Content)
	}
}

func BenchmarkReplyPiece(b *testing.B) {
	s, err := Open(b.TempDir() + "/history.db")
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	c, err := s.Start(b.Context(), "chat", "m")
	if err != nil {
		b.Fatal(err)
	}
	r, err := s.Begin(b.Context(), Message{Conversation: c.ID, Message: engine.Message{Role: engine.Assistant}})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := r.Record(engine.TextDelta{Text: " word"}); err != nil {
			b.Fatal(err)
		}
	}
}
