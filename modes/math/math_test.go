package math

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

func TestDecided(t *testing.T) {
	for _, test := range []struct {
		answers string
		all     int
		want    bool
	}{
		{"", 4, false},
		{"7", 1, true},
		{"77", 4, false}, // 2 against 2
		{"777", 4, true},
		{"77-", 4, true}, // 2 against 1
		{"7878", 4, true},
		{"7788", 5, false},
		{"----", 4, true},
		{"7", 2, false},
	} {
		var tally Tally
		for i, c := range test.answers {
			text := fmt.Sprintf(`\boxed{%c}`, c)
			if c == '-' {
				text = "?"
			}
			tally.Add(i, Solution{Text: text, Answer: extract(text, false)})
		}
		if got := tally.Decided(test.all); got != test.want {
			t.Errorf("%q of %d: decided %v", test.answers, test.all, got)
		}
	}
}

// votes is an engine whose choices give these answers.
func votes(answers ...string) *enginetest.Script {
	return &enginetest.Script{Answer: func(_ enginetest.Request, choice int) enginetest.Reply {
		return enginetest.Reply{enginetest.Text("Let me see. "), enginetest.Text(answers[choice])}
	}}
}

func TestSolveOne(t *testing.T) {
	e := votes(`Then $2x - 3 = 11$ and so \boxed{7}.`)
	defer e.Close()
	r, err := Solve(t.Context(), e, Problem{Text: "A number is doubled, then reduced by 3, giving 11."}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Answer.Text != "7" || r.Label != Checked || r.Check.Text != "2·7 − 3 = 11" || r.Agree != 1 || r.Votes != 1 {
		t.Errorf("%+v", r)
	}
	sent := e.Requests()[0].Chat
	if *sent.Temperature != 0 || sent.Choices() != 1 {
		t.Errorf("temperature %v, %d choices", *sent.Temperature, sent.Choices())
	}
}

func TestSolveByVotes(t *testing.T) {
	e := votes(`\boxed{14}, which took a long way to find`, `so \boxed{x = 7}`, `\boxed{7}`, "no idea", `the answer is 7.0`)
	defer e.Close()
	r, err := Solve(t.Context(), e, Problem{Text: "What is it?", Votes: 5}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Answer.Text != "7" || r.Label != Voted || r.Agree < 2 || r.Solution.Text != `Let me see. \boxed{7}` {
		t.Errorf("%+v", r)
	}
	if sent := e.Requests()[0].Chat; *sent.Temperature != 0.7 || sent.Choices() != 5 {
		t.Errorf("temperature %v, %d choices", *sent.Temperature, sent.Choices())
	}
}

// Of two answers that equally many agree on, the one that computing confirms wins.
func TestComputingBreaksTies(t *testing.T) {
	e := votes(`\boxed{8}`, `\boxed{7}`)
	defer e.Close()
	r, err := Solve(t.Context(), e, Problem{Text: "Solve 2x - 3 = 11", Votes: 2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if r.Answer.Text != "7" || r.Label != Checked {
		t.Errorf("%+v", r)
	}
	if r.Groups[0].Answer.Text != "7" {
		t.Errorf("the tally begins with %q", r.Groups[0].Answer.Text)
	}
}

func TestSolveStopsWhenDecided(t *testing.T) {
	s := NewSession(Problem{Votes: 4})
	for i := range 3 {
		s.Add(engine.TextDelta{Choice: i, Text: `\boxed{7}`})
		s.Add(engine.Finish{Choice: i, Reason: engine.FinishStop})
		if got, want := s.Decided(), i == 2; got != want {
			t.Errorf("after %d: decided %v", i+1, got)
		}
	}
	s.Add(engine.Finish{Choice: 9, Reason: engine.FinishStop}) // an engine's mistake
	s.Add(engine.TextDelta{Choice: -1, Text: "x"})
	if r := s.Result(); r.Votes != 3 || r.Agree != 3 {
		t.Errorf("%+v", r)
	}
}

// A solution that was cut off before its box has an answer, which counts less than that of a
// complete one.
func TestCutOff(t *testing.T) {
	type ended struct {
		text   string
		reason engine.FinishReason
	}
	const stop, length = engine.FinishStop, engine.FinishLength
	for _, test := range []struct {
		name      string
		solutions []ended
		answer    string
		cut       bool
		label     Label
		evidence  string
	}{
		{"before the box", []ended{{"She sold 48 + 24 = 72 clips.\n\nSo the answer is \\boxed", length}}, "72", true, Unchecked, "solution cut off · unchecked"},
		{"after the box", []ended{{`so \boxed{3}, since 4`, length}}, "3", false, Unchecked, "unchecked"},
		{"the context is full", []ended{{"That makes 72 clips in to", engine.FinishModelLength}}, "72", true, Unchecked, "solution cut off · unchecked"},
		{"without a number", []ended{{"Let us see. 48 +", length}}, "", true, Unchecked, "solution cut off"},
		{"refusal", []ended{{"No, not in 5 years.", engine.FinishRefusal}}, "", false, Unchecked, ""},
		{"a complete one wins", []ended{{"That makes 72 clips in to", length}, {"That makes 72 clips in to", length}, {`\boxed{8}`, stop}}, "8", false, Unchecked, "1 of 3 agree · 2 cut off · unchecked"},
		{"cut ones break a tie", []ended{{`\boxed{8}`, stop}, {`\boxed{72}`, stop}, {"That makes 72 clips in to", length}}, "72", false, Unchecked, "2 of 3 agree · 1 cut off · unchecked"},
		{"cut ones and none", []ended{{"That makes 72 clips in to", length}, {"Let us see.", stop}}, "72", true, Unchecked, "1 of 2 agree · 1 cut off · solution cut off · unchecked"},
		{"all cut ones without an answer", []ended{{"Let us see.", length}, {"Let us", length}}, "", true, Unchecked, "0 of 2 agree · all cut off"},
		{"cut ones are no majority", []ended{{"That makes 72 clips in to", length}, {"72 clips in", length}}, "72", true, Unchecked, "2 of 2 agree · all cut off · unchecked"},
	} {
		s := NewSession(Problem{Votes: len(test.solutions)})
		for i, v := range test.solutions {
			s.Add(engine.TextDelta{Choice: i, Text: v.text})
			s.Add(engine.Finish{Choice: i, Reason: v.reason})
		}
		if r := s.Result(); r.Answer.Text != test.answer || r.Solution.Cut() != test.cut || r.Label != test.label || r.Evidence() != test.evidence {
			t.Errorf("%s: %q, cut %v, %s: %s", test.name, r.Answer.Text, r.Solution.Cut(), r.Label, r.Evidence())
		}
	}
}

// Agreement of solutions that were cut off does not end the vote.
func TestCutOffDoesNotDecide(t *testing.T) {
	s := NewSession(Problem{Votes: 3})
	for i := range 2 {
		s.Add(engine.TextDelta{Choice: i, Text: "That makes 72 clips in to"})
		s.Add(engine.Finish{Choice: i, Reason: engine.FinishLength})
	}
	if s.Decided() {
		t.Error("decided by two solutions that were cut off")
	}
}

func TestSolveFails(t *testing.T) {
	e := votes(`\boxed{7}`)
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("enough")
	cancel(why)
	if _, err := Solve(ctx, e, Problem{Text: "x"}, nil); !errors.Is(err, why) {
		t.Errorf("got %v", err)
	}
	e.Close()
	if _, err := Solve(t.Context(), e, Problem{Text: "x"}, nil); fault.KindOf(err) != fault.Closed {
		t.Errorf("got %v", err)
	}
}

func TestRequestIgnoresTheTemperatureForChats(t *testing.T) {
	chat, asked := 0.3, 0.9
	p := Problem{Text: "1+1", Sampling: engine.Sampling{Temperature: &chat}, Images: engine.Content{{Type: engine.ImageChunk, ImageURL: "data:,"}}}
	r := p.Request()
	if *r.Temperature != 0 || r.Messages[0].Content[0].Type != engine.ImageChunk {
		t.Errorf("temperature %v, content %+v", *r.Temperature, r.Messages[0].Content)
	}
	p.Temperature = &asked
	if r := p.Request(); *r.Temperature != asked {
		t.Errorf("the temperature that the user asks for is %v", *r.Temperature)
	}
}
