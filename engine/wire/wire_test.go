package wire

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

func TestFailureComesBack(t *testing.T) {
	for _, c := range classes {
		for _, want := range []fault.Error{
			{Kind: c.Kind, Msg: "it broke"},
			{Kind: c.Kind, Msg: "it. broke", Advice: "Mend it. Then go on.", Param: "n"},
			{Kind: c.Kind, Msg: "too long", Cause: &engine.ContextOverflow{Tokens: 7, Limit: 5}},
		} {
			sent, err := json.Marshal(NewEnvelope(NewFailure(&want, ClassOf(want.Kind)), nil))
			if err != nil {
				t.Fatal(err)
			}
			var got Envelope
			if err := json.Unmarshal(sent, &got); err != nil {
				t.Fatal(err)
			}
			if e, ok := got.Error.Engine(); !ok || !reflect.DeepEqual(*e, want) {
				t.Errorf("%s comes back as %+v", sent, e)
			}
		}
		if kind := KindOf(c.Status, c.Type, c.Code); kind != c.Kind {
			t.Errorf("%d %s %s is %s, want %s", c.Status, c.Type, c.Code, kind, c.Kind)
		}
	}
	if c := ClassOf("new"); c.Kind != fault.Internal {
		t.Errorf("a new kind is %+v", c)
	}
	if e := AsError(fmt.Errorf("read: %w", engine.ErrTooLong(2, 1))); e.Kind != fault.TooLong {
		t.Errorf("got %v", e)
	}
	if e := AsError(errors.New("odd")); e.Kind != fault.Internal || e.Msg != "odd" {
		t.Errorf("got %v", e)
	}
	if _, ok := (&Failure{Message: "theirs"}).Engine(); ok {
		t.Error("a failure of another server is taken for ours")
	}
}

func TestStatuses(t *testing.T) {
	for status, want := range map[int]fault.Kind{
		400: fault.Invalid, 401: fault.Denied, 403: fault.Denied, 404: fault.NotFound, 409: fault.Invalid, 413: fault.Invalid,
		422: fault.Invalid, 429: fault.Busy, 500: fault.Internal, 502: fault.Network, 503: fault.Busy, 504: fault.Network, 529: fault.Busy, 599: fault.Internal,
	} {
		if got := KindOf(status, "", ""); got != want {
			t.Errorf("%d is %s, want %s", status, got, want)
		}
	}
}

func TestComments(t *testing.T) {
	for _, want := range []engine.Event{
		engine.Loading{Fraction: 0.25}, engine.Loading{}, engine.Progress{Done: 3, Total: 9, Cached: 1, Queued: 2}, engine.LeftOut{Messages: 1, Tokens: 2, Context: 3},
	} {
		line, ok := AppendComment(nil, want)
		text, isComment := bytes.CutPrefix(bytes.TrimSuffix(line, []byte("\n\n")), []byte(":"))
		got, ours := ReadComment(text)
		if !ok || !isComment || !ours || got != want {
			t.Errorf("%#v comes back as %#v from %q", want, got, line)
		}
	}
	if b, ok := AppendComment(nil, engine.Loading{Fraction: math.NaN()}); !ok || len(b) != 0 {
		t.Errorf("no number: %q, %v", b, ok)
	}
	if _, ok := AppendComment(nil, engine.TextDelta{}); ok {
		t.Error("a text is no comment")
	}
	for _, text := range []string{"", " keep-alive", " bise", " bise {", " bise {}", " bise {\"loading\":3}", "bise: {}"} {
		if ev, ok := ReadComment([]byte(text)); ok {
			t.Errorf("%q reads as %#v", text, ev)
		}
	}
}

func FuzzComment(f *testing.F) {
	f.Add([]byte(` bise {"progress":{"done":1}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		ev, ok := ReadComment(text)
		if !ok {
			return
		}
		line, _ := AppendComment(nil, ev)
		if again, ok := ReadComment(bytes.TrimSpace(line[1:])); !ok || again != ev {
			t.Errorf("%q reads as %#v, then as %#v", text, ev, again)
		}
	})
}

func TestCallID(t *testing.T) {
	seen := map[string]string{}
	for i := range 10_000 {
		id := fmt.Sprintf("call_%d", i)
		short := CallID(id)
		if !IsCallID(short) || CallID(id) != short || CallID(short) != short {
			t.Fatalf("%q becomes %q", id, short)
		}
		if other, ok := seen[short]; ok {
			t.Fatalf("%q and %q both become %q", id, other, short)
		}
		seen[short] = id
	}
	for _, id := range []string{"", "abcdefgh", "abcdefghij", "abcdefgh-", "äbcdefgh", "abcdefgh "} {
		if IsCallID(id) {
			t.Errorf("%q passes", id)
		}
	}
}

// Halves of runes come through.
func TestTokens(t *testing.T) {
	want := engine.Tokens{IDs: []int32{1, 2, 3}, Pieces: []string{"a<", "\xc3", "\xa9"}}
	sent, err := json.Marshal(NewTokens(want))
	if err != nil {
		t.Fatal(err)
	}
	var got Tokens
	if err := json.Unmarshal(sent, &got); err != nil || !reflect.DeepEqual(got.Engine(), want) {
		t.Errorf("%s comes back as %q, %v", sent, got.Engine(), err)
	}
	if sent, _ := json.Marshal(NewTokens(engine.Tokens{})); string(sent) != `{"tokens":[]}` {
		t.Errorf("nothing is %s", sent)
	}
}

func TestLogprobs(t *testing.T) {
	want := []engine.Logprob{
		{Token: "\xc3", ID: 7, Logprob: -0.5, Bytes: []int{0xc3}, Top: []engine.Logprob{{Token: "\xc3", ID: 7, Logprob: -0.5, Bytes: []int{0xc3}}, {Token: "b", ID: 8, Logprob: -1, Bytes: []int{'b'}}}},
		{Token: "", ID: 2, Logprob: -2, Bytes: []int{}},
	}
	sent, err := json.Marshal(NewLogprobs(want))
	if err != nil {
		t.Fatal(err)
	}
	var got *Logprobs
	if err := json.Unmarshal(sent, &got); err != nil || !reflect.DeepEqual(got.Engine(), want) {
		t.Errorf("%s comes back as %+v, %v", sent, got.Engine(), err)
	}
	impossible := []engine.Logprob{{Logprob: math.Inf(-1), Top: []engine.Logprob{{Logprob: math.Inf(-1)}}}}
	for _, l := range []*Logprobs{NewLogprobs(impossible), NewLegacyLogprobs(impossible)} {
		if _, err := json.Marshal(l); err != nil {
			t.Error(err)
		}
	}
	if NewLogprobs(nil) != nil || NewLegacyLogprobs(nil) != nil || (*Logprobs)(nil).Engine() != nil {
		t.Error("nothing is something")
	}
}

func TestOptional(t *testing.T) {
	for in, want := range map[string]Optional{`"a"`: "a", `null`: "", `400`: "400", `true`: "true", `{"a":1}`: "", `[1]`: ""} {
		var got Optional
		if err := json.Unmarshal([]byte(in), &got); err != nil || got != want {
			t.Errorf("%s reads as %q, %v", in, got, err)
		}
	}
	if b, err := json.Marshal([]Optional{"", "a"}); err != nil || string(b) != `[null,"a"]` {
		t.Errorf("got %s, %v", b, err)
	}
}
