package enginetest

import (
	"context"
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

func TestScriptPlaysReplies(t *testing.T) {
	s := &Script{Replies: []Reply{
		{Text("one")},
		{Emit{engine.Progress{Done: 5, Total: 10}}, Thinking("hm"), Text("tw"), Text("o")},
		{Call{Name: "f", Arguments: `{"a":1}`}, Call{ID: "abcdefghi", Name: "g"}},
		{},
		{Text("cut"), End(engine.FinishModelLength), Text("never")},
	}}
	want := []Answer{
		{Texts: []string{"one"}, Reasons: []engine.FinishReason{engine.FinishStop}},
		{Texts: []string{"two"}, Thinking: []string{"hm"}, Progress: []engine.Progress{{Done: 5, Total: 10}}, Reasons: []engine.FinishReason{engine.FinishStop}},
		{Texts: []string{""}, Calls: [][]engine.ToolCall{{
			{ID: "call00000", Type: "function", Function: engine.FunctionCall{Name: "f", Arguments: `{"a":1}`}},
			{ID: "abcdefghi", Type: "function", Index: 1, Function: engine.FunctionCall{Name: "g", Arguments: "{}"}},
		}}, Reasons: []engine.FinishReason{engine.FinishToolCalls}},
		{Texts: []string{""}, Reasons: []engine.FinishReason{engine.FinishStop}},
		{Texts: []string{"cut"}, Reasons: []engine.FinishReason{engine.FinishModelLength}},
		{Texts: []string{"cut"}, Reasons: []engine.FinishReason{engine.FinishModelLength}},
	}
	for i, w := range want {
		got, err := Collect(s.Chat(t.Context(), Chat("hello")))
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		if !slices.Equal(got.Texts, w.Texts) || !slices.Equal(got.Reasons, w.Reasons) || !slices.Equal(got.Progress, w.Progress) {
			t.Errorf("request %d: got %+v, want %+v", i, got, w)
		}
		if w.Thinking != nil && !slices.Equal(got.Thinking, w.Thinking) {
			t.Errorf("request %d: thought %q, want %q", i, got.Thinking, w.Thinking)
		}
		if w.Calls != nil && !reflect.DeepEqual(got.Calls, w.Calls) {
			t.Errorf("request %d: calls %+v, want %+v", i, got.Calls, w.Calls)
		}
	}
	if n := len(s.Requests()); n != len(want) {
		t.Errorf("%d requests were noted, want %d", n, len(want))
	}
}

func TestScriptAsksForTheAnswer(t *testing.T) {
	s := &Script{Answer: func(r Request, choice int) Reply {
		return Reply{Text(r.Text()), Text(strings.Repeat("!", choice))}
	}}
	req := Chat("hi")
	req.N = 3
	got, err := Collect(s.Chat(t.Context(), req))
	if want := []string{"hi", "hi!", "hi!!"}; err != nil || !slices.Equal(got.Texts, want) {
		t.Errorf("got %q, %v, want %q", got.Texts, err, want)
	}
	got, err = Collect(s.Complete(t.Context(), engine.CompletionRequest{Prompt: "a", Suffix: "b"}))
	if err != nil || got.Text() != "a" {
		t.Errorf("got %q, %v, want %q", got.Text(), err, "a")
	}
}

func TestScriptWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate, reached := make(chan struct{}), make(chan struct{})
		s := &Script{Replies: []Reply{{
			Text("a"),
			Do(func(context.Context) { close(reached) }),
			Wait(gate),
			Do(func(context.Context) { time.Sleep(time.Second) }),
			Text("b"),
		}}}
		done := make(chan Answer)
		go func() {
			a, err := Collect(s.Chat(t.Context(), Chat("hi")))
			if err != nil {
				t.Error(err)
			}
			done <- a
		}()
		<-reached
		synctest.Wait()
		select {
		case <-done:
			t.Fatal("the script did not wait")
		default:
		}
		close(gate)
		a := <-done
		if a.Text() != "ab" || a.Timings.Decode != time.Second || a.Timings.Generated != 2 {
			t.Errorf("got %q with %+v, want ab after a second", a.Text(), a.Timings)
		}
	})
}

func TestScriptFails(t *testing.T) {
	want := errors.New("the lake froze")
	got, err := Collect((&Script{Replies: []Reply{{Text("a"), Fail{want}, Text("b")}}}).Chat(t.Context(), Chat("hi")))
	if err != want || got.Text() != "a" {
		t.Errorf("got %q and %v, want a and %v", got.Text(), err, want)
	}
}

func TestScriptCountsTokens(t *testing.T) {
	took := engine.Timings{Prefill: time.Second, Evaluated: 7}
	s := &Script{Replies: []Reply{{Text("over the"), Text(" lake"), Took(took)}}}
	req := Chat("cold wind")
	first, err := Collect(s.Chat(t.Context(), req))
	if err != nil {
		t.Fatal(err)
	}
	// <s>[INST] c o l d " wind" [/INST]
	if want := (engine.Usage{PromptTokens: 8, CompletionTokens: 2, TotalTokens: 10, PromptDetails: &engine.PromptTokensDetails{}}); !reflect.DeepEqual(first.Usage, want) {
		t.Errorf("usage is %+v, want %+v", first.Usage, want)
	}
	if first.Timings != took {
		t.Errorf("timings are %+v, want %+v", first.Timings, took)
	}
	req.Messages = append(req.Messages,
		engine.Message{Role: engine.Assistant, Content: engine.Text(first.Text())},
		engine.Message{Role: engine.User, Content: engine.Text("and then?")})
	second, err := Collect(s.Chat(t.Context(), req))
	if err != nil {
		t.Fatal(err)
	}
	// All of the first turn's prompt and answer: o v e r " the" " lake".
	if got, want := second.Usage.Cached(), 8+6; got != want {
		t.Errorf("%d tokens are cached in the second turn, want %d", got, want)
	}
}

func TestScriptMaxTokens(t *testing.T) {
	for limit, want := range []string{"", "a", "ab", "abc", "abc"} {
		req := Chat("hi")
		req.MaxTokens = &limit
		got, err := Collect(Says("a", "b", "c").Chat(t.Context(), req))
		if err != nil {
			t.Fatal(err)
		}
		reason := engine.FinishLength
		if limit > 3 {
			reason = engine.FinishStop
		}
		if got.Text() != want || got.Reason() != reason {
			t.Errorf("max_tokens %d: got %q, %s, want %q, %s", limit, got.Text(), got.Reason(), want, reason)
		}
	}
}

func TestScriptFillsTheContext(t *testing.T) {
	s := Says("a", "b", "c", "d")
	s.About.ContextLength = 7
	got, err := Collect(s.Chat(t.Context(), Chat("hi"))) // <s>[INST]hi[/INST]: 5 tokens
	if err != nil || got.Text() != "ab" || got.Reason() != engine.FinishModelLength {
		t.Errorf("got %q, %s, %v, want ab, model_length", got.Text(), got.Reason(), err)
	}
}

func TestScriptLeavesOut(t *testing.T) {
	say := func(role engine.Role, text string) engine.Message {
		return engine.Message{Role: role, Content: engine.Text(text)}
	}
	conversation := []engine.Message{
		say(engine.System, "s"),
		say(engine.User, "111"), say(engine.Assistant, "one"), say(engine.ToolRole, "t"), say(engine.Assistant, "ok"),
		say(engine.User, "222"), say(engine.Assistant, "two"),
		say(engine.User, "333"),
	}
	for _, c := range []struct {
		context  int
		messages int // left out
		err      fault.Kind
	}{
		{100, 0, ""},
		{34, 0, ""},
		{33, 4, ""},
		{20, 4, ""},
		{19, 4, ""},
		{18, 6, ""},
		{10, 6, ""},
		{9, 0, fault.TooLong},
		{8, 0, fault.TooLong},
	} {
		s := Says("x")
		s.About.ContextLength = c.context
		req := engine.ChatRequest{Messages: conversation, Overflow: engine.OverflowDropOldest}
		got, err := Collect(s.Chat(t.Context(), req))
		if fault.KindOf(err) != c.err {
			t.Errorf("context %d: error %v, want kind %q", c.context, err, c.err)
		}
		if err != nil {
			continue
		}
		left := engine.LeftOut{}
		if got.LeftOut != nil {
			left = *got.LeftOut
		}
		if left.Messages != c.messages {
			t.Errorf("context %d: left out %+v, want %d messages", c.context, left, c.messages)
		}
		all := len(layChat(&req))
		if left.Tokens != all-got.Usage.PromptTokens {
			t.Errorf("context %d: left out %+v of %d tokens, and %d were read", c.context, left, all, got.Usage.PromptTokens)
		}
	}
}

func TestScriptHoldsBack(t *testing.T) {
	for _, c := range []struct {
		name   string
		pieces []string
		stops  []string
		want   []string
		reason engine.FinishReason
	}{
		{"half a rune", []string{"\xc3", "\xa9"}, nil, []string{"é"}, "stop"},
		{"thirds of a rune", []string{"a\xe6", "\xbc", "\xa2b"}, nil, []string{"a", "漢b"}, "stop"},
		{"half a rune at the end", []string{"a", "\xf0\x9f"}, nil, []string{"a", "\uFFFD"}, "stop"},
		{"no rune", []string{"\xff", "a"}, nil, []string{"\uFFFD", "a"}, "stop"},
		{"a stop string", []string{"ab", "cd"}, []string{"c"}, []string{"ab"}, "stop"},
		{"a stop string in parts", []string{"ab", "cd", "ef"}, []string{"bcde"}, []string{"a"}, "stop"},
		{"what only looks like a stop string", []string{"ab", "cd"}, []string{"bx"}, []string{"a", "bcd"}, "stop"},
		{"what looks like one at the end", []string{"ab"}, []string{"bx"}, []string{"a", "b"}, "stop"},
		{"the earliest stop string", []string{"abcdef"}, []string{"f", "d", "e"}, []string{"abc"}, "stop"},
		{"the longer of two", []string{"abcd"}, []string{"c", "bc"}, []string{"a"}, "stop"},
		{"the one that ends first", []string{"abc", "d"}, []string{"abcd", "b"}, []string{"a"}, "stop"},
		{"all of it", []string{"ab"}, []string{"ab"}, nil, "stop"},
		{"a rune that begins a stop string", []string{"\xc3", "\xa9", "a"}, []string{"éb"}, []string{"éa"}, "stop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			req := Chat("hi")
			req.Stop = c.stops
			got, err := Collect(Says(c.pieces...).Chat(t.Context(), req))
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Deltas[0])+len(c.want) > 0 && !slices.Equal(got.Deltas[0], c.want) || got.Reason() != c.reason {
				t.Errorf("got %q, %s, want %q, %s", got.Deltas[0], got.Reason(), c.want, c.reason)
			}
		})
	}
}

// Whatever the pieces and the stop string, the text is what one search over the
// whole text would give.
func FuzzHolder(f *testing.F) {
	f.Add([]byte("ab\xc3\xa9cd"), "\xa9c", 2)
	f.Add([]byte("aabaabaac"), "aabaac", 1)
	f.Add([]byte("漢字"), "字", 1)
	f.Fuzz(func(t *testing.T, data []byte, stop string, size int) {
		if size < 1 || len(data) > 1000 || strings.ToValidUTF8(stop, "") != stop {
			t.Skip()
		}
		h := holder{stops: []string{stop}}
		var got string
		stopped := false
		for i := 0; i < len(data) && !stopped; i += size {
			var s string
			s, _, stopped = h.add(string(data[i:min(i+size, len(data))]), nil)
			got += s
		}
		if !stopped {
			s, _ := h.rest()
			got += s
		}
		want, _, found := strings.Cut(string(data), stop)
		if stop == "" {
			want, found = string(data), false
		}
		if found != stopped {
			t.Fatalf("stopped: %v, want %v", stopped, found)
		}
		// Runs of broken bytes count as one in one go, and as several in parts.
		squeeze := func(s string) string {
			s = strings.ToValidUTF8(s, "\uFFFD")
			for strings.Contains(s, "\uFFFD\uFFFD") {
				s = strings.ReplaceAll(s, "\uFFFD\uFFFD", "\uFFFD")
			}
			return s
		}
		if squeeze(got) != squeeze(want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestScriptCancels(t *testing.T) {
	cause := errors.New("the person pressed esc")
	ctx, cancel := context.WithCancelCause(t.Context())
	s := &Script{Replies: []Reply{{Text("a"), Do(func(context.Context) { cancel(cause) }), Wait(nil)}}}
	got, err := Collect(s.Chat(ctx, Chat("hi")))
	if err != cause || got.Text() != "a" {
		t.Errorf("got %q and %v, want a and %v", got.Text(), err, cause)
	}
	if _, err := Collect(s.Chat(ctx, Chat("hi"))); err != cause {
		t.Errorf("a request that begins cancelled: %v, want %v", err, cause)
	}
}

func TestScriptIsClosed(t *testing.T) {
	s := Says("a")
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Collect(s.Chat(t.Context(), Chat("hi"))); fault.KindOf(err) != fault.Closed {
		t.Errorf("got %v, want an error of kind closed", err)
	}
}

func TestScriptVectors(t *testing.T) {
	var s Script
	got, err := s.Embed(t.Context(), engine.EmbedRequest{Input: []string{"", "cold wind", "cold wind north", "soft grass below"}})
	if err != nil {
		t.Fatal(err)
	}
	dot := func(a, b []float32) (d float64) {
		for i := range a {
			d += float64(a[i]) * float64(b[i])
		}
		return d
	}
	for i, v := range got.Vectors {
		if l := dot(v, v); math.Abs(l-1) > 1e-5 {
			t.Errorf("vector %d has the squared length %v", i, l)
		}
	}
	if near, far := dot(got.Vectors[1], got.Vectors[2]), dot(got.Vectors[1], got.Vectors[3]); near <= far {
		t.Errorf("texts that share words are no nearer: %v and %v", near, far)
	}
}

func TestScriptIsConcurrent(t *testing.T) {
	s := &Script{Answer: func(r Request, _ int) Reply { return Reply{Text(r.Text())} }}
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			text := strings.Repeat("x", i)
			if a, err := Collect(s.Chat(t.Context(), Chat(text))); err != nil || a.Text() != text {
				t.Errorf("got %q, %v, want %q", a.Text(), err, text)
			}
		})
	}
	wg.Wait()
	if n := len(s.Requests()); n != 50 {
		t.Errorf("%d requests were noted, want 50", n)
	}
}

func TestTokenizerRoundTrip(t *testing.T) {
	for _, text := range []string{"", " wind", "Wind over the lake", "[INST] </s>", "é漢😀\x00\xff", " école"} {
		var joined string
		for _, id := range tokenize(text) {
			if id >= idBOS && id < idWords {
				t.Errorf("%q has the control token %s", text, vocabulary[id])
			}
			joined += vocabulary[id]
		}
		if joined != text {
			t.Errorf("pieces of %q join to %q", text, joined)
		}
	}
}

func TestCollectChecksTheOrder(t *testing.T) {
	finish, done := engine.Finish{Reason: engine.FinishStop}, engine.Done{}
	a := engine.TextDelta{Text: "a"}
	for _, c := range []struct {
		name   string
		events []engine.Event
		good   bool
	}{
		{"a whole answer", []engine.Event{engine.Loading{}, engine.Progress{}, engine.LeftOut{}, a, finish, done}, true},
		{"two choices", []engine.Event{a, engine.TextDelta{Choice: 1, Text: "b"}, finish, engine.Finish{Choice: 1, Reason: "stop"}, done}, true},
		{"nothing", nil, false},
		{"no done", []engine.Event{a, finish}, false},
		{"no finish", []engine.Event{a, done}, false},
		{"finished twice", []engine.Event{finish, finish, done}, false},
		{"text after finish", []engine.Event{finish, a, done}, false},
		{"done twice", []engine.Event{finish, done, done}, false},
		{"loading late", []engine.Event{engine.Progress{}, engine.Loading{}, finish, done}, false},
		{"progress late", []engine.Event{a, engine.Progress{}, finish, done}, false},
		{"progress beyond its total", []engine.Event{engine.Progress{Done: 2, Total: 1}, finish, done}, false},
		{"left out twice", []engine.Event{engine.LeftOut{}, engine.LeftOut{}, finish, done}, false},
		{"half a rune", []engine.Event{engine.TextDelta{Text: "\xc3"}, finish, done}, false},
		{"nothing said", []engine.Event{engine.TextDelta{}, finish, done}, false},
		{"a gap between choices", []engine.Event{engine.Finish{Choice: 1, Reason: "stop"}, done}, false},
		{"a negative choice", []engine.Event{engine.Finish{Choice: -1, Reason: "stop"}, done}, false},
	} {
		_, err := Collect(func(yield func(engine.Event, error) bool) {
			for _, e := range c.events {
				if !yield(e, nil) {
					return
				}
			}
		})
		if good := err == nil; good != c.good || !good && !errors.Is(err, ErrOrder) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
