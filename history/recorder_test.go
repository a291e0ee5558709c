package history

import (
	"testing"

	"github.com/bise-sh/bise/engine"
)

func TestRecorder(t *testing.T) {
	s := openTest(t)
	r := Recorder{
		Conversation: Conversation{Mode: "chat", Model: "m"}, System: "Be brief.", Model: "m", Choices: 2,
		Question: Message{Message: engine.Message{Role: engine.User, Content: engine.Text("why?")}},
	}
	if r.HasBegun() || r.Answer() != 0 {
		t.Error("it has begun")
	}
	if err := r.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	for _, e := range []engine.Event{
		engine.TextDelta{Text: "first"},
		engine.TextDelta{Choice: 1, Text: "second"},
		engine.Finish{Reason: engine.FinishStop},
		engine.Finish{Choice: 1, Reason: engine.FinishStop},
	} {
		if err := r.Record(e); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	path, err := s.Path(t.Context(), r.Conversation.ID)
	if err != nil || len(path) != 3 || path[0].Role != engine.System || path[2].ID != r.Answer() || path[2].Content.Plain() != "first" || len(path[2].Versions) != 2 {
		t.Fatalf("the path is %+v, %v", path, err)
	}

	// What is in the history already is answered again, and that answer continued.
	again := Recorder{Conversation: Conversation{ID: r.Conversation.ID}, Question: Message{Parent: path[1].ID}, Model: "m"}
	if err := again.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := again.Record(engine.TextDelta{Text: "thi"}); err != nil {
		t.Fatal(err)
	}
	if err := again.Close(); err != nil {
		t.Fatal(err)
	}
	on := Recorder{Continue: again.Answer()}
	if err := on.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := on.Record(engine.TextDelta{Text: "rd"}); err != nil {
		t.Fatal(err)
	}
	if err := on.Close(); err != nil {
		t.Fatal(err)
	}
	path, err = s.Path(t.Context(), r.Conversation.ID)
	if err != nil || len(path) != 3 || path[2].Content.Plain() != "third" || path[2].ID != on.Answer() || len(path[2].Versions) != 3 {
		t.Errorf("the path is %+v, %v", path, err)
	}
}

func TestIsAccepted(t *testing.T) {
	for _, tt := range []struct {
		event engine.Event
		want  bool
	}{
		{engine.Loading{}, false},
		{engine.Progress{Queued: 1}, false},
		{engine.Progress{}, true},
		{engine.TextDelta{Text: "a"}, true},
	} {
		if got := IsAccepted(tt.event); got != tt.want {
			t.Errorf("%#v: %v", tt.event, got)
		}
	}
}
