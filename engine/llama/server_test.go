//go:build cgo

package llama

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/engine/llamaserver"
)

// A trained model says the same through llama-server, greedily: prompts, end tokens, stop strings and
// text are those of bise.
func TestServerAnswersAlike(t *testing.T) {
	server := enginetest.LlamaServer(t)
	for _, name := range []string{"SmolLM2-135M-Instruct.Q4_1.gguf", "Qwen2.5-Coder-0.5B-Instruct.Q4_K_M.gguf"} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(filepath.Dir(realModel(t)), name)
			if _, err := os.Stat(path); err != nil {
				t.Skip("no real model at hand")
			}
			o := engine.LoadOptions{Context: 2048, Threads: 1}
			here, err := Open(t.Context(), path, o, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { here.Close() })
			o.LlamaServer = server
			there, err := llamaserver.Open(t.Context(), llamaserver.Config{Path: path, Options: o, Log: io.Discard}, nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { there.Close() })
			greedy := engine.Sampling{Temperature: new(0.0), MaxTokens: new(24)}
			stopped := greedy
			stopped.Stop = []string{"."}
			chat := func(text string, s engine.Sampling) engine.ChatRequest {
				r := enginetest.Chat(text)
				r.Sampling = s
				return r
			}
			for _, r := range []engine.ChatRequest{
				chat("What is the capital of France?", greedy), chat("Say hello in French and <|im_end|> in German: é漢😀", greedy),
				chat("Write a function that adds two numbers in Python.", greedy), chat("What is the capital of France?", stopped),
			} {
				want, err := enginetest.Collect(here.Chat(t.Context(), r))
				if err != nil {
					t.Fatal(err)
				}
				got, err := enginetest.Collect(there.Chat(t.Context(), r))
				if err != nil {
					t.Fatal(err)
				}
				if got.Text() != want.Text() || got.Reason() != want.Reason() || got.Stops[0] != want.Stops[0] ||
					got.Usage.PromptTokens != want.Usage.PromptTokens || got.Usage.CompletionTokens != want.Usage.CompletionTokens {
					t.Errorf("%s: got %q, %s, %+v, want %q, %s, %+v", r.Messages[0].Content.Plain(), got.Text(), got.Reason(), got.Usage, want.Text(), want.Reason(), want.Usage)
				}
			}
			fill := engine.CompletionRequest{Prompt: "def add(a, b):\n    return ", Suffix: "\n\nprint(add(1, 2))\n", Sampling: greedy}
			if !here.Info().Can.FIM {
				fill.Suffix = ""
			}
			want, err := enginetest.Collect(here.Complete(t.Context(), fill))
			if err != nil {
				t.Fatal(err)
			}
			got, err := enginetest.Collect(there.Complete(t.Context(), fill))
			if err != nil || got.Text() != want.Text() || got.Usage != want.Usage && got.Usage.TotalTokens != want.Usage.TotalTokens {
				t.Errorf("completion: got %q, %v, want %q", got.Text(), err, want.Text())
			}
		})
	}
}
