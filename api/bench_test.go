package api_test

import (
	"context"
	"iter"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bise-sh/bise/api"
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

// BenchmarkPicture is what it costs to read a request with an image of 8 MB.
func BenchmarkPicture(b *testing.B) {
	h := api.New(one(enginetest.Says("a gull")))
	body := `{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":"data:image/png;base64,` +
		strings.Repeat("iVBORw0K", 1<<20) + `"},{"type":"text","text":"What is it?"}]}]}`
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("POST", "/v1/chat/completions", strings.NewReader(body)))
		if w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}
