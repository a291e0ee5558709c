package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"

	"github.com/bise-sh/bise/engine"
)

// fim reads a fill-in-the-middle request.
func (o *object) fim() engine.CompletionRequest {
	req := engine.CompletionRequest{
		Model: o.string("model"), Suffix: o.string("suffix"), Sampling: o.sampling(),
	}
	if !o.r.strict {
		req.PromptLogprobs = o.boolean("prompt_logprobs")
	}
	if v, ok := o.get("tokens"); ok && !o.r.strict {
		req.Tokens = v.tokens()
		req.Prompt = o.string("prompt")
	} else {
		req.Prompt = o.needString("prompt")
	}
	o.hints()
	return req
}

// maxPrompts is how many prompts one legacy completion can have.
const maxPrompts = 128

// legacyTokens is how many tokens OpenAI's legacy completions have by default.
const legacyTokens = 16

// legacy reads a request of OpenAI's first completions: one for each prompt.
func (o *object) legacy() (reqs []engine.CompletionRequest, echo bool) {
	top := o.topLogprobs()
	req := engine.CompletionRequest{Model: o.string("model"), Suffix: o.string("suffix"), Sampling: o.sampling()}
	if top != nil {
		req.Logprobs, req.TopLogprobs = true, *top
	}
	req.MaxTokens = cmp.Or(req.MaxTokens, new(legacyTokens))
	if v, ok := o.need("prompt"); ok {
		for _, p := range v.prompts() {
			p.Model, p.Suffix, p.Sampling = req.Model, req.Suffix, req.Sampling
			reqs = append(reqs, p)
		}
	}
	echo = o.boolean("echo")
	o.ignore("best_of")
	o.hints()
	return reqs, echo
}

// topLogprobs takes the legacy form of logprobs, a number, out of the way of the
// chat form, a boolean.
func (o *object) topLogprobs() *int {
	v, ok := o.get("logprobs")
	if !ok || !v.isNumber() {
		return nil
	}
	n := int(v.integer(0, maxTop))
	for i := range o.fields {
		if o.fields[i].name == "logprobs" {
			o.fields[i].raw = json.RawMessage("null")
		}
	}
	return &n
}

// prompts reads a string, a list of token ids, or a list of either.
func (v value) prompts() []engine.CompletionRequest {
	if v.is('"') {
		return []engine.CompletionRequest{{Prompt: v.string()}}
	}
	values := v.list()
	if len(values) > 0 && values[0].isNumber() {
		return []engine.CompletionRequest{{Tokens: v.tokens()}}
	}
	if v.is('[') && (len(values) == 0 || len(values) > maxPrompts) {
		v.violate("value_error", fmt.Sprintf("List should have 1 to %d prompts, not %d", maxPrompts, len(values)), nil)
		return nil
	}
	var reqs []engine.CompletionRequest
	for _, e := range values {
		if e.is('[') {
			reqs = append(reqs, engine.CompletionRequest{Tokens: e.tokens()})
		} else {
			reqs = append(reqs, engine.CompletionRequest{Prompt: e.string()})
		}
	}
	return reqs
}

// tokens reads a list of token ids.
func (v value) tokens() []int32 {
	values := v.list()
	ids := make([]int32, len(values))
	for i, e := range values {
		ids[i] = int32(e.integer(0, math.MaxInt32))
	}
	if v.is('[') && len(ids) == 0 {
		v.violate("too_short", "List should have at least 1 item after validation, not 0", map[string]any{"min_length": 1})
	}
	return ids
}
