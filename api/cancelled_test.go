package api_test

import (
	"bytes"
	"context"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
)

// A leaver hangs up when it has read a text.
type leaver struct {
	*httptest.ResponseRecorder
	at     string
	hangUp func()
}

func (l leaver) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte(l.at)) {
		l.hangUp()
	}
	return l.ResponseRecorder.Write(b)
}

// A waiter says something and then waits until nobody listens.
type waiter struct{ enginetest.Script }

func (*waiter) Chat(ctx context.Context, _ engine.ChatRequest) iter.Seq2[engine.Event, error] {
	return func(yield func(engine.Event, error) bool) {
		if yield(engine.TextDelta{Text: "a gull"}, nil) {
			<-ctx.Done()
			yield(nil, ctx.Err())
		}
	}
}

// Clients that hang up at the last event had their whole answer.
func TestCancelled(t *testing.T) {
	for _, c := range []struct {
		at     string
		engine engine.Engine
		want   bool
	}{
		{"[DONE]", enginetest.Says("a gull"), false},
		{"a gull", &waiter{}, true},
	} {
		var log bytes.Buffer
		config := one(c.engine)
		config.Logger = slog.New(slog.NewTextHandler(&log, nil))
		ctx, hangUp := context.WithCancel(t.Context())
		r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/v1/chat/completions", strings.NewReader(
			`{"model": "m", "stream": true, "messages": [{"role": "user", "content": "What is it?"}]}`))
		api.New(config).ServeHTTP(leaver{httptest.NewRecorder(), c.at, hangUp}, r)
		if ctx.Err() == nil {
			t.Fatalf("%q was never sent", c.at)
		}
		hangUp()
		if got := strings.Contains(log.String(), "cancelled=true"); got != c.want {
			t.Errorf("left at %q: cancelled %v, want %v: %s", c.at, got, c.want, &log)
		}
	}
}
