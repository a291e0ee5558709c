package enginetest

import (
	"errors"
	"fmt"
	"iter"
	"unicode/utf8"

	"github.com/bise-sh/bise/engine"
)

// An Answer is what the events of one request add up to. The outer slices have
// an element for each choice.
type Answer struct {
	Texts    []string
	Deltas   [][]string // the pieces of Texts
	Thinking []string
	Calls    [][]engine.ToolCall
	Logprobs [][]engine.Logprob
	Reasons  []engine.FinishReason // "" for a choice that did not finish
	Stops    []string              // what Finish says of stop strings

	Usage    engine.Usage
	Timings  engine.Timings
	LeftOut  *engine.LeftOut
	Prompt   []engine.Logprob // tokens of PromptLogprobs
	Loading  int              // events
	Progress []engine.Progress
	Done     bool
}

// Text is that of the first choice.
func (a Answer) Text() string {
	if len(a.Texts) == 0 {
		return ""
	}
	return a.Texts[0]
}

// Reason is that of the first choice.
func (a Answer) Reason() engine.FinishReason {
	if len(a.Reasons) == 0 {
		return ""
	}
	return a.Reasons[0]
}

// ErrOrder is the error of an answer whose events break the rules of
// [engine.Event].
var ErrOrder = errors.New("the events break the contract")

// Collect reads an answer to its end. With an error of the sequence it gives
// what came before it. It checks the order of the events, and that texts are
// whole runes, and fails with ErrOrder when they are not.
func Collect(seq iter.Seq2[engine.Event, error]) (Answer, error) {
	var a Answer
	var failed error
	for e, err := range seq {
		switch {
		case failed != nil:
			return a, fmt.Errorf("%w: %T after the error %q", ErrOrder, e, failed)
		case err != nil:
			if e != nil {
				return a, fmt.Errorf("%w: %T together with the error %q", ErrOrder, e, err)
			}
			failed = err
		default:
			if err := a.Add(e); err != nil {
				return a, err
			}
		}
	}
	if failed == nil && !a.Done {
		return a, fmt.Errorf("%w: the sequence ended without Done", ErrOrder)
	}
	return a, failed
}

// Add adds an event to the answer, for loops that do something else besides. It
// fails with ErrOrder when the event must not come at this place.
func (a *Answer) Add(e engine.Event) error {
	if a.Done {
		return fmt.Errorf("%w: %T after Done", ErrOrder, e)
	}
	switch e := e.(type) {
	case engine.Loading:
		if len(a.Progress) > 0 || a.begun() {
			return fmt.Errorf("%w: Loading comes first", ErrOrder)
		}
		a.Loading++
	case engine.Progress:
		if a.begun() {
			return fmt.Errorf("%w: Progress within the answer", ErrOrder)
		}
		if e.Done < 0 || e.Done > e.Total || e.Cached < 0 || e.Cached > e.Done && e.Queued == 0 {
			return fmt.Errorf("%w: %+v does not add up", ErrOrder, e)
		}
		a.Progress = append(a.Progress, e)
	case engine.LeftOut:
		if a.begun() {
			return fmt.Errorf("%w: LeftOut within the answer or twice", ErrOrder)
		}
		a.LeftOut = &e
	case engine.PromptLogprobs:
		if len(a.Reasons) > 0 {
			return fmt.Errorf("%w: PromptLogprobs within the answer", ErrOrder)
		}
		a.Prompt = append(a.Prompt, e.Tokens...)
	case engine.TextDelta:
		if e.Text == "" && len(e.Logprobs) == 0 {
			return fmt.Errorf("%w: an empty TextDelta", ErrOrder)
		}
		if !utf8.ValidString(e.Text) {
			return fmt.Errorf("%w: the text %q is not whole runes", ErrOrder, e.Text)
		}
		if err := a.choice(e.Choice, e); err != nil {
			return err
		}
		a.Texts[e.Choice] += e.Text
		a.Deltas[e.Choice] = append(a.Deltas[e.Choice], e.Text)
		a.Logprobs[e.Choice] = append(a.Logprobs[e.Choice], e.Logprobs...)
	case engine.ThinkingDelta:
		if !utf8.ValidString(e.Text) {
			return fmt.Errorf("%w: the thinking %q is not whole runes", ErrOrder, e.Text)
		}
		if err := a.choice(e.Choice, e); err != nil {
			return err
		}
		a.Thinking[e.Choice] += e.Text
	case engine.ToolCallDelta:
		if err := a.choice(e.Choice, e); err != nil {
			return err
		}
		a.Calls[e.Choice] = append(a.Calls[e.Choice], e.Call)
	case engine.Finish:
		if e.Reason == "" {
			return fmt.Errorf("%w: Finish without a reason", ErrOrder)
		}
		if err := a.choice(e.Choice, e); err != nil {
			return err
		}
		a.Reasons[e.Choice], a.Stops[e.Choice] = e.Reason, e.Stop
	case engine.Done:
		if len(a.Reasons) == 0 {
			return fmt.Errorf("%w: Done without a choice", ErrOrder)
		}
		for i, r := range a.Reasons {
			if r == "" {
				return fmt.Errorf("%w: Done before choice %d has finished", ErrOrder, i)
			}
		}
		a.Usage, a.Timings, a.Done = e.Usage, e.Timings, true
	default:
		return fmt.Errorf("%w: an event of type %T", ErrOrder, e)
	}
	return nil
}

// begun reports whether the answer or LeftOut has come. After that only the answer may
// come.
func (a *Answer) begun() bool { return a.LeftOut != nil || len(a.Reasons) > 0 }

// maxIndex bounds a choice's number, which is that of a slice's element here.
const maxIndex = 1024

// choice makes room for a choice and checks that it has not finished.
func (a *Answer) choice(i int, e engine.Event) error {
	if i < 0 || i > maxIndex {
		return fmt.Errorf("%w: %T of choice %d", ErrOrder, e, i)
	}
	for len(a.Reasons) <= i {
		a.Texts = append(a.Texts, "")
		a.Deltas = append(a.Deltas, nil)
		a.Thinking = append(a.Thinking, "")
		a.Calls = append(a.Calls, nil)
		a.Logprobs = append(a.Logprobs, nil)
		a.Reasons, a.Stops = append(a.Reasons, ""), append(a.Stops, "")
	}
	if a.Reasons[i] != "" {
		return fmt.Errorf("%w: %T of choice %d, which has finished", ErrOrder, e, i)
	}
	return nil
}

// Chat is a request to answer one message.
func Chat(text string) engine.ChatRequest {
	return engine.ChatRequest{Messages: []engine.Message{{Role: engine.User, Content: engine.Text(text)}}}
}
