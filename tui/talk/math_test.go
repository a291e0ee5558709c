package talk

import (
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/modes/math"
)

// What the history has of several solutions is the one that is shown.
func TestMathIsKept(t *testing.T) {
	var record []engine.Event
	session := math.NewSession(math.Problem{Text: "What is it?", Votes: 3})
	keep := recordSession(session, func(e engine.Event) {
		if e != nil {
			record = append(record, e)
		}
	})
	for event := range session.Follow(func(yield func(engine.Event, error) bool) {
		for i, text := range []string{"\\boxed{8}", "\\boxed{7} after all", "\\boxed{7}"} {
			if !yield(engine.TextDelta{Choice: i, Text: text}, nil) || !yield(engine.Finish{Choice: i, Reason: engine.FinishStop}, nil) {
				return
			}
		}
		yield(engine.Done{}, nil)
	}) {
		keep(event)
	}
	keep(nil)
	if len(record) != 2 {
		t.Fatalf("%d events are recorded: %+v", len(record), record)
	}
	got := record[1].(engine.TextDelta).Text
	want := "\\boxed{7}\n\n**\\(7\\)** · 2 of 3 agree · unchecked\n\n\\(7\\) ━━ · \\(8\\) ━"
	if got != want {
		t.Errorf("recorded\n%s\nwant\n%s", got, want)
	}
}

func TestMathRequestKeepsEffort(t *testing.T) {
	r := engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: engine.Text("3 + 4")}}, ReasoningEffort: "high"}
	if _, asked, _ := (&Math{votes: 1}).prepare(nil, r, nil); asked.ReasoningEffort != "high" {
		t.Errorf("effort %q", asked.ReasoningEffort)
	}
}
