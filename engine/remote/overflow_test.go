package remote

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// narrow is a server whose context holds a number of bytes of messages.
type narrow struct {
	limit   int
	refusal string // %d: the request, the limit
	asked   [][]string
}

func (n *narrow) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Messages []struct{ Content string }
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	size := 0
	var texts []string
	for _, m := range body.Messages {
		size += len(m.Content)
		texts = append(texts, m.Content[:1])
	}
	n.asked = append(n.asked, texts)
	if size > n.limit {
		w.WriteHeader(http.StatusBadRequest)
		message := n.refusal
		if strings.Contains(message, "%d") {
			message = fmt.Sprintf(message, size, n.limit)
		}
		fmt.Fprintf(w, `{"object":"error","message":%q,"type":"invalid_request_error","code":"3051"}`, message)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	io.WriteString(w, lines(choices(`{"index":0,"delta":{"content":"yes"},"finish_reason":"stop"}`), "[DONE]"))
}

func TestOldestTurnsAreLeftOut(t *testing.T) {
	long := func(role engine.Role, name string) engine.Message {
		return engine.Message{Role: role, Content: engine.Text(name + strings.Repeat("x", 999))}
	}
	request := engine.ChatRequest{Overflow: engine.OverflowDropOldest, Messages: []engine.Message{
		{Role: engine.System, Content: engine.Text("s")},
		long(engine.User, "1"), long(engine.Assistant, "2"),
		long(engine.User, "3"), long(engine.Assistant, "4"), long(engine.User, "5"), long(engine.Assistant, "6"), long(engine.User, "7"),
	}}
	const numbers = "Prompt contains %d tokens and 0 draft tokens, too large for model with %d maximum context length"
	for _, tt := range []struct {
		name     string
		limit    int
		refusal  string
		last     string // what the server got at last
		requests int
		left     engine.LeftOut
	}{
		{"fits", 8000, numbers, "s1234567", 1, engine.LeftOut{}},
		{"numbers", 5600, numbers, "s34567", 2, engine.LeftOut{Messages: 2, Context: 5600}},
		{"no numbers", 3500, "the request exceeds the available context size", "s567", 2, engine.LeftOut{Messages: 4}},
		{"the last turn alone", 1100, numbers, "s7", 2, engine.LeftOut{Messages: 6, Context: 1100}},
		{"not even the last turn", 900, numbers, "s7", 2, engine.LeftOut{}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := &narrow{limit: tt.limit, refusal: tt.refusal}
			e := open(t, n, Config{Dialect: OpenAI})
			got, err := enginetest.Collect(e.Chat(t.Context(), request))
			if tooLong := fault.KindOf(err) == fault.TooLong; tooLong != (tt.limit < 1000) || !tooLong && err != nil {
				t.Fatal(err)
			}
			if last := strings.Join(n.asked[len(n.asked)-1], ""); last != tt.last || len(n.asked) != tt.requests {
				t.Errorf("%d requests, the last %s, want %d and %s", len(n.asked), last, tt.requests, tt.last)
			}
			var left engine.LeftOut
			if got.LeftOut != nil {
				left = *got.LeftOut
			}
			if left != tt.left {
				t.Errorf("reported %+v, want %+v", left, tt.left)
			}
		})
	}
	if len(request.Messages) != 8 {
		t.Error("the request of the caller is changed")
	}
	n := &narrow{limit: 5600, refusal: numbers}
	request.Overflow = engine.OverflowError
	if _, err := enginetest.Collect(open(t, n, Config{Dialect: OpenAI}).Chat(t.Context(), request)); fault.KindOf(err) != fault.TooLong || len(n.asked) != 1 {
		t.Errorf("without drop_oldest: %v after %d requests", err, len(n.asked))
	}
}
