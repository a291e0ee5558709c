//go:build cgo

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"os"
	"path/filepath"
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
	mu    sync.Mutex
	heads map[string]bool // what stands before the code in the requests
}

func (f *fluent) Chat(ctx context.Context, r engine.ChatRequest) iter.Seq2[engine.Event, error] {
	text := r.Messages[0].Content.Plain()
	head, code, _ := strings.Cut(text, "\nThe code:\n\n")
	f.mu.Lock()
	f.heads[head] = true
	f.mu.Unlock()
	answer := `{"verdicts":[{"finding":1,"holds":true,"severity":"minor","confidence":90}]}`
	if len(r.Messages) == 1 {
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
	r.MaxTokens, r.ResponseFormat = &one, nil
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

// longDiff is a change of so many lines of this package's own files.
func longDiff(t *testing.T, lines int) string {
	t.Helper()
	paths, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		f := diff.File{Old: path, New: path, Kind: diff.Modified}
		for at := 20; at+9 < len(text); at += 30 { // in each, a line is changed and two are new
			h := diff.Hunk{Old: diff.Span{Start: at + 1, Count: 7}, New: diff.Span{Start: at + 1, Count: 9}, Section: "func x() {"}
			for i, op := range []diff.Op{diff.Context, diff.Context, diff.Context, diff.Delete, diff.Add, diff.Add, diff.Add, diff.Context, diff.Context, diff.Context} {
				h.Lines = append(h.Lines, diff.Line{Op: op, Text: text[at+i-min(1, i/4)]})
			}
			f.Hunks = append(f.Hunks, h)
		}
		if len(f.Hunks) > 0 {
			b.WriteString(f.String())
		}
		if strings.Count(b.String(), "\n") > lines {
			break
		}
	}
	return b.String()
}

// TestReviewReadsNothingTwice has a real engine read a review of a long change,
// second looks included. What it evaluates must be little more than the tokens of
// the change and of the instructions, once.
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
	text := longDiff(t, 1000)
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
	evaluated, change := res.Usage.PromptTokens-res.Usage.Cached(), tokens(text)
	t.Logf("%d lines in %d parts, %d findings: %d prompt tokens, %d evaluated; the change has %d, the instructions %d: %.3f times both",
		strings.Count(text, "\n"), res.Parts, len(res.Findings), res.Usage.PromptTokens, evaluated, change, head, float64(evaluated)/float64(change+head))
	if len(res.Findings) < res.Parts/2 {
		t.Errorf("%d findings in %d parts: second looks are not measured", len(res.Findings), res.Parts)
	}
	if float64(evaluated) > 1.15*float64(change+head) {
		t.Errorf("%d tokens were evaluated for a change of %d and instructions of %d", evaluated, change, head)
	}
}
