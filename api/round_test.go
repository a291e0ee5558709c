package api_test

import (
	"context"
	"errors"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/engine/remote"
	"github.com/bise-sh/bise/fault"
)

// serve gives a handler's URL, which goes when the test ends.
func serve(t testing.TB, c api.Config) string {
	t.Helper()
	s := httptest.NewServer(api.New(c))
	t.Cleanup(s.Close)
	return s.URL
}

// one is a configuration that serves one engine under any name.
func one(e engine.Engine) api.Config {
	return api.Config{Open: func(context.Context, string, func(float64)) (engine.Engine, error) { return e, nil }}
}

// overUnix opens engine/remote on an engine behind a unix socket, as workers are.
func overUnix(t testing.TB, e engine.Engine) *remote.Engine {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: api.New(one(e))}
	go s.Serve(listener)
	t.Cleanup(func() { s.Close() })
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
		IdleConnTimeout:    90 * time.Second,
	}
	t.Cleanup(transport.CloseIdleConnections)
	r, err := remote.New(remote.Config{URL: "http://worker", Model: "script", Dialect: remote.Bise, HTTP: &http.Client{Transport: transport}})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Both ends of the wire, with an engine behind it, are an engine.
func TestConformance(t *testing.T) {
	t.Run("unix", func(t *testing.T) {
		enginetest.Run(t, enginetest.Suite{EndToken: enginetest.EndToken, Open: func(t *testing.T) engine.Engine { return overUnix(t, &enginetest.Script{}) }})
	})
	t.Run("tcp", func(t *testing.T) {
		enginetest.Run(t, enginetest.Suite{EndToken: enginetest.EndToken, Open: func(t *testing.T) engine.Engine {
			r, err := remote.New(remote.Config{URL: serve(t, one(&enginetest.Script{})), Model: "script"})
			if err != nil {
				t.Fatal(err)
			}
			return r
		}})
	})
}

// What an engine says arrives as it was said.
func TestEventsComeBack(t *testing.T) {
	left := engine.LeftOut{Messages: 2, Tokens: 300, Context: 4096}
	done := engine.Done{
		Usage:   engine.Usage{PromptTokens: 9, CompletionTokens: 4, TotalTokens: 13, PromptDetails: &engine.PromptTokensDetails{CachedTokens: 5}},
		Timings: engine.Timings{Queue: 1, Load: 2, Restore: 3, Prefill: 4, FirstToken: 5, Decode: 6, Evaluated: 7, Generated: 8},
	}
	call := engine.ToolCall{ID: "Qm3xT81Zp", Type: "function", Function: engine.FunctionCall{Name: "f", Arguments: `{"a": "<b>"}`}}
	second := call
	second.Index = 1
	want := []engine.Event{
		engine.Loading{Fraction: 0.5},
		engine.Progress{Queued: 1},
		engine.Progress{Done: 4, Total: 9, Cached: 4},
		left,
		engine.ThinkingDelta{Choice: 1, Text: "hm"},
		engine.TextDelta{Text: " a\u2028<&>\t\x00 "},
		engine.TextDelta{Choice: 1, Text: "b", Logprobs: []engine.Logprob{{Token: "\xc3", ID: 3, Logprob: -1, Bytes: []int{0xc3}}}},
		engine.TextDelta{Choice: 1, Logprobs: []engine.Logprob{{Token: "x", ID: 4, Logprob: -1, Bytes: []int{'x'}}}},
		engine.ToolCallDelta{Call: call},
		engine.Finish{Choice: 1, Reason: engine.FinishModelLength},
		engine.TextDelta{Text: "more"},
		engine.ToolCallDelta{Call: second},
		engine.Finish{Reason: engine.FinishToolCalls},
		done,
	}
	e := overUnix(t, &teller{events: want})
	req := enginetest.Chat("hi")
	req.N = 2
	var got []engine.Event
	for ev, err := range e.Chat(t.Context(), req) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ev)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}

// A teller answers with events as they are.
type teller struct {
	enginetest.Script
	events []engine.Event
}

func (e *teller) Chat(context.Context, engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for _, ev := range e.events {
			if !yield(ev, nil) {
				return
			}
		}
	}
}

// The contract does not repeat a prefix; the wire does.
func TestPrefixIsNotRepeated(t *testing.T) {
	for _, prefix := range []string{"X", "X: \n", " ", "ha", "é "} {
		for _, text := range []string{"", "ha ha", " X", "X: \nX"} {
			script := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Text(text)}}}
			if text == "" {
				script.Replies[0] = enginetest.Reply{}
			}
			e := overUnix(t, script)
			req := enginetest.Chat("hi")
			req.Messages = append(req.Messages, engine.Message{Role: engine.Assistant, Content: engine.Text(prefix), Prefix: true})
			if a, err := enginetest.Collect(e.Chat(t.Context(), req)); err != nil || a.Text() != text {
				t.Errorf("%q after %q arrives as %q, %v", text, prefix, a.Text(), err)
			}
		}
	}
}

func TestErrorsComeBack(t *testing.T) {
	kinds := []fault.Kind{
		fault.Invalid, fault.TooLong, fault.Unsupported, fault.NotFound, fault.BadModel, fault.NoMemory,
		fault.Crashed, fault.Busy, fault.Network, fault.Denied, fault.Closed, fault.Internal,
	}
	for _, kind := range kinds {
		want := fault.Error{Kind: kind, Msg: "it broke", Advice: "Mend it.", Param: "n"}
		script := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Fail{Err: &want}}, {enginetest.Text("a"), enginetest.Fail{Err: &want}}}}
		e := overUnix(t, script)
		for _, when := range []string{"before", "within"} {
			_, err := enginetest.Collect(e.Chat(t.Context(), enginetest.Chat("hi")))
			if got, ok := errors.AsType[*fault.Error](err); !ok || *got != want {
				t.Errorf("%s, %s the answer: got %#v", kind, when, err)
			}
		}
	}
	failing := one(nil)
	failing.Open = func(context.Context, string, func(float64)) (engine.Engine, error) {
		return nil, fault.Errorf(fault.NoMemory, "it needs 14 GB")
	}
	r, err := remote.New(remote.Config{URL: serve(t, failing), Model: "m", Dialect: remote.Bise})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := enginetest.Collect(r.Chat(t.Context(), enginetest.Chat("hi"))); fault.KindOf(err) != fault.NoMemory {
		t.Errorf("got %v", err)
	}
	if _, err := r.Embed(t.Context(), engine.EmbedRequest{Input: []string{"a"}}); fault.KindOf(err) != fault.NoMemory {
		t.Errorf("got %v", err)
	}
}

// A request that waits for the model reports how far it is.
func TestLoading(t *testing.T) {
	c := api.Config{Open: func(_ context.Context, model string, loading func(float64)) (engine.Engine, error) {
		if model != "m" {
			t.Errorf("opens %q", model)
		}
		loading(0.25)
		loading(0.75)
		return enginetest.Says("hi"), nil
	}}
	r, err := remote.New(remote.Config{URL: serve(t, c), Model: "m", Dialect: remote.Bise})
	if err != nil {
		t.Fatal(err)
	}
	a, err := enginetest.Collect(r.Chat(t.Context(), enginetest.Chat("hi")))
	if err != nil || a.Loading != 2 || a.Text() != "hi" {
		t.Errorf("got %+v, %v", a, err)
	}
	c.Info = func(_ context.Context, model string) (engine.Info, error) {
		return engine.Info{Model: model, ContextLength: 7}, nil
	}
	r, err = remote.New(remote.Config{URL: serve(t, c), Model: "m", Dialect: remote.Bise})
	if err != nil {
		t.Fatal(err)
	}
	if i := r.Info(); i.Model != "m" || i.ContextLength != 7 {
		t.Errorf("got %+v", i)
	}
}

// Vectors arrive bit by bit as they were.
func TestEmbeddingsComeBack(t *testing.T) {
	script := &enginetest.Script{}
	want, err := script.Embed(t.Context(), engine.EmbedRequest{Input: []string{"a", "b"}, Dimension: 7})
	if err != nil {
		t.Fatal(err)
	}
	got, err := overUnix(t, script).Embed(t.Context(), engine.EmbedRequest{Input: []string{"a", "b"}, Dimension: 7})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

// Nothing is lost or left behind when many ask and some of them leave.
func TestStress(t *testing.T) {
	enginetest.Stress(t, enginetest.Suite{
		EndToken: enginetest.EndToken,
		Open:     func(t *testing.T) engine.Engine { return overUnix(t, &enginetest.Script{}) },
	}, enginetest.Load{Engines: 2, Cancel: 0.3, Seed: 1})
}
