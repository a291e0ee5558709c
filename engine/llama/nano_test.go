//go:build cgo

package llama

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/gguf/nanomodel"
)

// TestAnswersAtOnce asks a trained model many things at once, with more requests than slots,
// parts of prompts in a batch, and other KV caches: every answer is the right one.
func TestAnswersAtOnce(t *testing.T) {
	no, yes := false, true
	items := slices.Concat(nanomodel.Items(t, nanomodel.Ask), nanomodel.Items(t, nanomodel.Fill), nanomodel.Items(t, nanomodel.Turn))
	for name, o := range map[string]engine.LoadOptions{
		"default":                 {},
		"few slots":               {Slots: 3, Batch: 8},
		"KV cache in 8 bits":      {KVType: "q8_0", FlashAttn: &yes},
		"without flash attention": {FlashAttn: &no},
	} {
		t.Run(name, func(t *testing.T) {
			e := open(t, nanomodel.Path(t, nanomodel.Model), o)
			var wg sync.WaitGroup
			for _, x := range items {
				wg.Go(func() {
					greedy := engine.Sampling{Temperature: new(0.0)}
					answer := e.Complete(t.Context(), engine.CompletionRequest{Prompt: x.Prompt, Suffix: x.Suffix, Sampling: greedy})
					if x.Skill != nanomodel.Fill {
						answer = e.Chat(t.Context(), engine.ChatRequest{Messages: conversation(x), Sampling: greedy})
					}
					a, err := enginetest.Collect(answer)
					if err != nil || a.Text() != x.Answer {
						t.Errorf("%q: %q, %v; want %q", fmt.Sprint(x.Before, x.Prompt), a.Text(), err, x.Answer)
					}
				})
			}
			wg.Wait()
		})
	}
}

// conversation has the messages of an item.
func conversation(x nanomodel.Item) (list []engine.Message) {
	for i, text := range append(slices.Clone(x.Before), x.Prompt) {
		list = append(list, engine.Message{Role: []engine.Role{engine.User, engine.Assistant}[i%2], Content: engine.Text(text)})
	}
	return list
}
