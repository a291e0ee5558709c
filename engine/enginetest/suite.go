package enginetest

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
)

// A Suite configures the checks of an engine. Only Open is required.
type Suite struct {
	// Open opens an engine that the suite closes. It is called several times. The engines
	// must be independent: closing one leaves the others running.
	Open func(t *testing.T) engine.Engine
	// Ban are tokens that no answer may have: the control tokens of a model with
	// random weights, with which its text would turn into tool calls or thinking.
	Ban []int32
	// EndToken is the token that ends an answer, 0 when it is not known.
	EndToken int32
	// HalfRunes is a text of which some tokens are parts of runes. Empty, it is a
	// text with runes of two, three and four bytes.
	HalfRunes string
	// BatchNumerics says that what is decoded in one batch with other requests may
	// come out slightly otherwise, so that texts need not be the same then.
	BatchNumerics bool
	// Patience is how long anything may take, a minute when it is zero.
	Patience time.Duration
	// Skip names the subtests that are left out, with the reason.
	Skip map[string]string
}

// Run checks that an engine keeps the contract. What a model cannot do according
// to its Info is skipped, except for the error that it must give. No test depends
// on what a model says, so a model with random weights will do.
func Run(t *testing.T, s Suite) {
	s.HalfRunes = cmp.Or(s.HalfRunes, "é漢😀")
	s.Patience = cmp.Or(s.Patience, time.Minute)
	CheckLeaks(t)
	c := &check{Suite: s, e: s.Open(t)}
	t.Cleanup(func() {
		if err := c.e.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	// An engine may load its model on first use, and have no information before.
	if _, err := c.e.Tokenize(c.context(t), engine.TokenizeRequest{Text: new("a")}); err != nil {
		t.Fatalf("tokenize a text: %v", err)
	}
	c.info = c.e.Info()
	for _, sub := range subtests {
		t.Run(sub.name, func(t *testing.T) {
			if reason, ok := s.Skip[sub.name]; ok {
				t.Skip(reason)
			}
			if reason := sub.needs.missing(c.info.Can); reason != "" {
				t.Skip(reason)
			}
			sub.run(t, c)
		})
	}
}

// subtests are all that Run does.
var subtests = []struct {
	name  string
	needs need
	run   func(*testing.T, *check)
}{
	{"info", 0, testInfo},
	{"order", writes, testOrder},
	{"greedy", writes, testGreedy},
	{"again", writes, testAgain},
	{"streaming", writes, testStreaming},
	{"cancel", writes, testCancel},
	{"cancelled", writes, testCancelled},
	{"leave", writes, testLeave},
	{"length", writes, testLength},
	{"min-tokens", writes, testMinTokens},
	{"stop", writes, testStop},
	{"stop-several", writes, testStopSeveral},
	{"stop-unmatched", writes, testStopUnmatched},
	{"usage", writes, testUsage},
	{"cache", writes, testCache},
	{"seeds", writes, testSeeds},
	{"choices", writes, testChoices},
	{"settings", writes, testSettings},
	{"lookup", writes, testLookup},
	{"logprobs", writes, testLogprobs},
	{"prompt-logprobs", writes, testPromptLogprobs},
	{"logit-bias", writes, testLogitBias},
	{"half-runes", writes, testHalfRunes},
	{"grammar", writes, testGrammar},
	{"json-object", chats, testJSONObject},
	{"json-schema", chats, testJSONSchema},
	{"tools", chats | callsTools, testTools},
	{"complete", 0, testComplete},
	{"prefix", chats, testPrefix},
	{"invalid", 0, testInvalid},
	{"unsupported", 0, testUnsupported},
	{"too-long", writes, testTooLong},
	{"drop-oldest", chats, testDropOldest},
	{"hostile", writes, testHostile},
	{"tokenize", 0, testTokenize},
	{"tokenize-special", writes, testTokenizeSpecial},
	{"tokenize-request", writes, testTokenizeRequest},
	{"embed", embeds, testEmbed},
	{"concurrent", 0, testConcurrent},
	{"close", 0, testClose},
	{"close-waits", writes, testCloseWaits},
}

// A need is what a subtest asks of a model.
type need int

const (
	writes need = 1 << iota // chat, or fill in the middle
	chats
	callsTools
	embeds
)

// missing returns the capability that a model lacks, or "".
func (n need) missing(can engine.Capabilities) string {
	switch {
	case n&writes != 0 && !can.Chat && can.Embed && !can.FIM:
		return "the model is an embedding model: it cannot generate text"
	case n&chats != 0 && !can.Chat:
		return "the model does not chat"
	case n&callsTools != 0 && !can.Tools:
		return "the model calls no tools"
	case n&embeds != 0 && !can.Embed:
		return "the model cannot embed text"
	}
	return ""
}

// A check is a suite while it runs.
type check struct {
	Suite
	e    engine.Engine
	info engine.Info
}

var errImpatient = errors.New("the engine took longer than the suite has patience")

// context is that of a subtest, which ends when patience does.
func (c *check) context(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeoutCause(t.Context(), c.Patience, errImpatient)
	t.Cleanup(cancel)
	return ctx
}

// A setting changes how an answer is written.
type setting func(*engine.Sampling)

// sampling is greedy and of exactly n tokens, unless the settings say otherwise.
func (c *check) sampling(n int, settings ...setting) engine.Sampling {
	s := engine.Sampling{Temperature: new(0.0), MinTokens: n, MaxTokens: &n}
	for _, set := range settings {
		set(&s)
	}
	for _, id := range c.Ban {
		if s.LogitBias == nil {
			s.LogitBias = map[int32]float64{}
		}
		s.LogitBias[id] = -100
	}
	return s
}

// write asks an engine for n tokens about a text, by a chat or else a completion.
func (c *check) write(ctx context.Context, text string, n int, settings ...setting) iter.Seq2[engine.Event, error] {
	return c.writeOn(ctx, c.e, text, n, settings...)
}

func (c *check) writeOn(ctx context.Context, e engine.Engine, text string, n int, settings ...setting) iter.Seq2[engine.Event, error] {
	if !c.info.Can.Chat {
		return e.Complete(ctx, engine.CompletionRequest{Prompt: text, Sampling: c.sampling(n, settings...)})
	}
	req := Chat(text)
	req.Sampling = c.sampling(n, settings...)
	return e.Chat(ctx, req)
}

// wrote is the answer that write asks for.
func (c *check) wrote(t *testing.T, text string, n int, settings ...setting) Answer {
	t.Helper()
	return collected(t, c.write(c.context(t), text, n, settings...))
}

// collected reads an answer that must be whole.
func collected(t *testing.T, seq iter.Seq2[engine.Event, error]) Answer {
	t.Helper()
	a, err := Collect(seq)
	if err != nil {
		t.Fatalf("after %q: %v", a.Texts, err)
	}
	return a
}

// hot makes an answer depend on its seed.
func hot(seed int64) setting {
	return func(s *engine.Sampling) { s.Temperature, s.Seed = new(1.0), &seed }
}

// free lets the model end the answer when it wants.
func free(s *engine.Sampling) { s.MinTokens = 0 }
