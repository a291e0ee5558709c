package history

import (
	"errors"
	"testing"

	"github.com/bise-sh/bise/engine"
)

func TestRecorder(t *testing.T) {
	s := openTest(t)
	r := Recorder{
		Conversation: Conversation{Mode: "chat", Model: "m", System: "Be brief."}, Model: "m", Choices: 2,
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
	if err != nil || len(path) != 2 || path[1].ID != r.Answer() || path[1].Content.Plain() != "first" || len(path[1].Versions) != 2 {
		t.Fatalf("the path is %+v, %v", path, err)
	}
	if c, err := s.Conversation(t.Context(), r.Conversation.ID); err != nil || c.System != "Be brief." {
		t.Errorf("the conversation is %+v, %v", c, err)
	}

	// What is in the history already is answered again, and that answer continued.
	again := Recorder{Conversation: Conversation{ID: r.Conversation.ID}, Question: Message{Parent: path[0].ID}, Model: "m"}
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
	if err != nil || len(path) != 2 || path[1].Content.Plain() != "third" || path[1].ID != on.Answer() || len(path[1].Versions) != 3 {
		t.Errorf("the path is %+v, %v", path, err)
	}
}

// A question whose answer failed is not part of later requests, also of another process.
func TestRecorderFails(t *testing.T) {
	s := openTest(t)
	r := Recorder{Conversation: Conversation{Mode: "chat"}, Question: Message{Message: say(engine.User, "long")}}
	if err := r.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := r.Fail(engine.ErrTooLong(59_000, 32_768)); err != nil {
		t.Fatal(err)
	}
	said(t, s, r.Conversation.ID, r.Answer(), engine.User, "short")
	path, err := s.Path(t.Context(), r.Conversation.ID)
	if err != nil || len(path) != 3 || path[1].Measured.Error != "the request has 59000 tokens and the context holds 32768." || path[1].State != Stopped {
		t.Fatalf("the path is %+v, %v", path, err)
	}
	if got := Messages(path); len(got) != 1 || got[0].Content.Plain() != "short" {
		t.Errorf("the request has %+v", got)
	}
}

// A failed answer is not another version of one that came later.
func TestFailedVersion(t *testing.T) {
	s := openTest(t)
	r := Recorder{Conversation: Conversation{Mode: "chat"}, Question: Message{Message: say(engine.User, "q")}}
	if err := r.Begin(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if err := r.Fail(errors.New("no route")); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < 3; n++ {
		said(t, s, r.Conversation.ID, r.Question.ID, engine.Assistant, "a")
		path, err := s.Path(t.Context(), r.Conversation.ID)
		if err != nil || len(path) != 2 || len(path[1].Versions) != n {
			t.Fatalf("the path is %+v, %v", path, err)
		}
	}
}

func TestUnanswered(t *testing.T) {
	failed := Message{Message: engine.Message{Role: engine.Assistant}, State: Stopped, Measured: Measured{Error: "no"}}
	stopped := Message{Message: engine.Message{Role: engine.Assistant}, State: Stopped}
	half := Message{Message: say(engine.Assistant, "half"), State: Stopped, Measured: Measured{Error: "no"}}
	user, answer := Message{Message: say(engine.User, "q")}, Message{Message: say(engine.Assistant, "a")}
	call := Message{Message: engine.Message{Role: engine.Assistant, ToolCalls: []engine.ToolCall{{ID: "1"}}}}
	result := Message{Message: say(engine.ToolRole, "r")}
	for _, tt := range []struct {
		name string
		path []Message
		want string // x: unanswered
	}{
		{"answered", []Message{user, answer, user}, "..."},
		{"failed", []Message{user, answer, user, failed, user}, "..xx."},
		{"failed last", []Message{user, failed}, "xx"},
		{"never answered", []Message{user, user, answer}, "x.."},
		{"stopped by the user", []Message{user, stopped, user}, "..."},
		{"failed in the middle", []Message{user, half, user}, "..."},
		{"failed after a call", []Message{user, answer, user, call, result, failed, user}, "..xxxx."},
		{"call", []Message{user, call, result, answer, user}, "....."},
		{"without a question", []Message{failed, user}, ".."},
		{"nothing", nil, ""},
	} {
		got := ""
		for _, is := range Unanswered(tt.path) {
			got += map[bool]string{true: "x", false: "."}[is]
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
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
