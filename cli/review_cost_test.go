//go:build cgo

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/gguf/tinymodel"
	"github.com/bise-sh/bise/modes/review"
	"github.com/bise-sh/bise/modes/review/diff"
)

// fluent has a model read what it is asked, and answers in its place: a finding
// for each part, at the last line that is added, and that it holds.
type fluent struct {
	engine.Engine
	mu      sync.Mutex
	heads   map[string]bool // what stands before the code in the requests
	prompts [][]int32
}

func (f *fluent) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	text := r.Messages[0].Content.Plain()
	head, code, _ := strings.Cut(text, "\nThe code:\n\n")
	asked, err := f.Tokenize(ctx, engine.TokenizeRequest{Chat: &r})
	if err != nil {
		return func(yield func(engine.Event, error) bool) { yield(nil, err) }
	}
	f.mu.Lock()
	f.heads[head] = true
	f.prompts = append(f.prompts, asked.IDs)
	f.mu.Unlock()
	answer := `{"holds":true,"severity":"minor"}`
	if !strings.Contains(code, "\nAnother reviewer has found ") {
		line := ""
		for l := range strings.Lines(code) {
			if l = strings.TrimLeft(l, "0123456789"); strings.HasPrefix(l, "+") && len(l) > 12 {
				line = strings.TrimSpace(l[1:])
			}
		}
		quoted, _ := json.Marshal(line)
		answer = fmt.Sprintf(`{"findings":[{"code":%s,"title":"it is wrong","why":"It does what it must not, when it is called twice.","severity":"minor","category":"bug","confidence":70}]}`, quoted)
	}
	one := 1
	r.MaxTokens, r.ResponseFormat, r.Logprobs, r.TopLogprobs = &one, nil, false, 0
	return func(yield func(engine.Event, error) bool) {
		for e, err := range f.Engine.Chat(ctx, r) {
			switch e.(type) {
			case engine.TextDelta, engine.ThinkingDelta, engine.ToolCallDelta:
				continue
			case engine.Finish:
				if !yield(engine.TextDelta{Text: answer}, nil) {
					return
				}
				e = engine.Finish{Reason: engine.FinishStop}
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// longDiff is a change of so many lines in generated files.
func longDiff(lines int) string {
	rng := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("return range index buffer length client header offset result parse write close token value count error")
	line := func() string {
		var b strings.Builder
		for range 4 + rng.IntN(8) {
			fmt.Fprintf(&b, "%s%d ", words[rng.IntN(len(words))], rng.IntN(1000))
		}
		return strings.TrimSpace(b.String())
	}
	var b strings.Builder
	for n := 0; strings.Count(b.String(), "\n") < lines; n++ {
		path := fmt.Sprintf("part/file%d.go", n)
		f := diff.File{Old: path, New: path, Kind: diff.Modified}
		for at := 20; at < 200; at += 30 { // in each, a line is changed and two are new
			h := diff.Hunk{Old: diff.Span{Start: at + 1, Count: 7}, New: diff.Span{Start: at + 1, Count: 9}, Section: "func x() {"}
			for _, op := range []diff.Op{diff.Context, diff.Context, diff.Context, diff.Delete, diff.Add, diff.Add, diff.Add, diff.Context, diff.Context, diff.Context} {
				h.Lines = append(h.Lines, diff.Line{Op: op, Text: line()})
			}
			f.Hunks = append(f.Hunks, h)
		}
		b.WriteString(f.String())
	}
	return b.String()
}

// distinct is how many tokens have to be evaluated for prompts, each beginning once.
func distinct(prompts [][]int32) int {
	slices.SortFunc(prompts, slices.Compare[[]int32])
	n := 0
	for i, p := range prompts {
		n += len(p)
		for k := 0; i > 0 && k < min(len(p), len(prompts[i-1])) && p[k] == prompts[i-1][k]; k++ {
			n--
		}
	}
	return n
}

// TestReviewReadsNothingTwice has a real engine read a review of a long change,
// second looks included. The prompts must be little more than the change and the
// instructions, once, and the engine must evaluate each beginning of them once.
func TestReviewReadsNothingTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("it reads thirty thousand tokens")
	}
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	o := tinymodel.Options{Context: 32768, Layers: 1, Width: 32, Heads: 2, KVHeads: 1}
	if err := tinymodel.Write(path, o); err != nil {
		t.Fatal(err)
	}
	no := false // llama.cpp's flash attention takes many times as long for a model like this
	e, err := llama.Open(t.Context(), path, engine.LoadOptions{Threads: 1, FlashAttn: &no}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	text := longDiff(500)
	files, err := diff.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	f := &fluent{Engine: e, heads: map[string]bool{}}
	var res review.Result
	for event, err := range review.Run(t.Context(), f, files, review.Options{}) {
		if err != nil {
			t.Fatal(err)
		}
		if done, ok := event.(review.Done); ok {
			res = done.Result
		}
	}
	if len(f.heads) != 1 {
		t.Fatalf("the parts begin in %d ways", len(f.heads))
	}
	tokens := func(s string) int {
		got, err := e.Tokenize(t.Context(), engine.TokenizeRequest{Text: &s})
		if err != nil {
			t.Fatal(err)
		}
		return len(got.IDs)
	}
	head := 0
	for h := range f.heads {
		head = tokens(h)
	}
	evaluated, change, once := res.Usage.PromptTokens-res.Usage.Cached(), tokens(text), distinct(f.prompts)
	t.Logf("%d lines in %d parts, %d findings: %d prompt tokens, %d of them distinct, %d evaluated; the change has %d, the instructions %d",
		strings.Count(text, "\n"), res.Parts, len(res.Findings), res.Usage.PromptTokens, once, evaluated, change, head)
	if len(res.Findings) < res.Parts/2 {
		t.Errorf("%d findings in %d parts: second looks are not measured", len(res.Findings), res.Parts)
	}
	if float64(once) > 1.15*float64(change+head) {
		t.Errorf("the prompts have %d distinct tokens for a change of %d and instructions of %d", once, change, head)
	}
	if evaluated > once+len(f.prompts) { // the last token of a prompt is always evaluated
		t.Errorf("%d tokens were evaluated, of %d that are distinct", evaluated, once)
	}
}
