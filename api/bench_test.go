package api_test

import (
	"context"
	"iter"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
)

// A talker answers with so many tokens, as fast as they are taken.
type talker struct {
	enginetest.Script
	tokens int
}

func (e *talker) Chat(context.Context, engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		for range e.tokens {
			if !yield(engine.TextDelta{Text: " token"}, nil) {
				return
			}
		}
		_ = yield(engine.Finish{Reason: engine.FinishStop}, nil) && yield(engine.Done{}, nil)
	}
}

// BenchmarkRoundTrip is what client and server cost: a request that is answered
// at once with one token, and one with 256, over a unix socket.
func BenchmarkRoundTrip(b *testing.B) {
	for name, tokens := range map[string]int{"tokens=1": 1, "tokens=256": 256} {
		b.Run(name, func(b *testing.B) {
			e := overUnix(b, &talker{tokens: tokens})
			req := enginetest.Chat("How long is a piece of string?")
			for b.Loop() {
				for _, err := range e.Chat(b.Context(), req) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*tokens), "ns/token")
		})
	}
}
