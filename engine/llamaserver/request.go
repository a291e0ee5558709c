package llamaserver

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/grammar"
	"github.com/bise-sh/bise/engine/local"
	"github.com/bise-sh/bise/engine/scheduler"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/mistral/layout"
	"github.com/bise-sh/bise/mistral/prompt"
)

var errUnknownToken = errors.New("it has a token that is not in the vocabulary")

// A job is a request with everything that bise decides.
type job struct {
	prompt   []int32
	images   []layout.Place
	max, min int // tokens of an answer; max -1: no bound
	top      int // likeliest alternatives of each token, -1: no logprobs
	choices  int
	stops    []string
	ends     []int32 // control tokens that end an answer besides those of the model
	reader   func() prompt.Reader
	steps    []scheduler.Step
	schema   *grammar.Schema
	oneCall  bool
	leftOut  *engine.LeftOut
	sampling local.Settings
	seeded   bool
	arrived  time.Time
}

// reserve is the likely number of cells of the context that the job needs.
func (j *job) reserve() int {
	room := scheduler.DefaultRoom
	if j.max >= 0 {
		room = j.max
	}
	return len(j.prompt) + j.choices*room
}

// chatJob turns a conversation into a job, leaving out its oldest turns when it is too long and the
// request allows that.
func (e *Engine) chatJob(ctx context.Context, r *engine.ChatRequest) (*job, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	if r.ToolChoice.Mode == "none" {
		short := *r
		short.Tools, r = nil, &short
	}
	p, err := e.layOut(r)
	if err != nil {
		return nil, err
	}
	ids, images, err := e.encode(p)
	if err != nil {
		return nil, err
	}
	limit := e.limit()
	var left *engine.LeftOut
	if r.Overflow == engine.OverflowDropOldest && len(ids)+local.Room(&r.Sampling, limit) > limit {
		count := func(short *engine.ChatRequest) (int, error) {
			p, err := e.layOut(short)
			if err != nil {
				return 0, err
			}
			ids, _, err := e.encode(p)
			return len(ids), err
		}
		if r, left, err = local.Shorten(ctx, r, len(ids), limit, count); err != nil {
			return nil, err
		}
		if p, err = e.layOut(r); err != nil {
			return nil, err
		}
		if ids, images, err = e.encode(p); err != nil {
			return nil, err
		}
	}
	j, err := e.job(&r.Sampling, ids, local.ChatTemperature)
	if err != nil {
		return nil, err
	}
	j.images, j.leftOut = images, left
	j.oneCall = r.ParallelToolCalls != nil && !*r.ParallelToolCalls
	j.reader = func() prompt.Reader { return e.format.Reader(r) }
	for _, name := range e.format.Stops() {
		if id, ok := e.vocab.ID(name); ok {
			j.ends = append(j.ends, id)
		}
	}
	j.steps, j.schema, err = local.Model{Name: e.name, Vocab: e.vocab, Format: e.format}.Constrain(ctx, r)
	if err != nil {
		return nil, err
	}
	if len(images) > 0 && len(j.steps) > 1 {
		return nil, &fault.Error{Kind: fault.Unsupported, Param: "tool_choice", Msg: "llama-server cannot force a tool call in a conversation with images", Advice: "Leave tool_choice out, or use the built-in engine."}
	}
	return j, nil
}

// completionJob makes a job of a completion or an infill request.
func (e *Engine) completionJob(ctx context.Context, r *engine.CompletionRequest) (*job, error) {
	if err := r.Check(); err != nil {
		return nil, err
	}
	if r.PromptLogprobs {
		return nil, &fault.Error{Kind: fault.Unsupported, Param: "prompt_logprobs", Msg: "llama-server gives no probabilities of the prompt", Advice: "Use the built-in engine for this model, if it can run it."}
	}
	ids, err := e.fill(r)
	if err != nil {
		return nil, err
	}
	j, err := e.job(&r.Sampling, ids, 0)
	if err != nil {
		return nil, err
	}
	if r.Grammar != "" {
		j.steps, err = local.GrammarSteps(ctx, r.Grammar)
	}
	return j, err
}

// job makes a job of a prompt's tokens.
func (e *Engine) job(r *engine.Sampling, ids []int32, temperature float64) (*job, error) {
	if e.info.Can.Embed {
		return nil, fault.Advise(fault.Errorf(fault.Unsupported, "%s is an embedding model: it cannot generate text", e.name), "Use a chat model, or `bise embed`.")
	}
	limit, slots := e.limit(), e.slots()
	if r.Choices() > slots {
		return nil, &fault.Error{Kind: fault.Invalid, Param: "n", Msg: fmt.Sprintf("invalid n %d: the limit is %d answers at once", r.Choices(), slots)}
	}
	if len(ids)+1 > limit {
		return nil, engine.ErrTooLong(len(ids)+1, limit)
	}
	for id := range r.LogitBias {
		if int(id) >= e.vocab.Len() {
			return nil, &fault.Error{Kind: fault.Invalid, Param: "logit_bias", Msg: fmt.Sprintf("invalid token %d in logit_bias: the vocabulary has %d", id, e.vocab.Len())}
		}
	}
	j := &job{
		prompt: ids, max: -1, min: r.MinTokens, top: -1, choices: r.Choices(), stops: r.Stop,
		sampling: local.Settle(r, temperature), seeded: r.Seed != nil,
	}
	if len(ids) == 0 {
		// The first token needs a token before it, also with an empty prompt.
		j.prompt = []int32{max(0, e.ends.bos)}
	}
	if r.MaxTokens != nil {
		j.max = *r.MaxTokens
	}
	if r.Logprobs || r.TopLogprobs > 0 {
		j.top = r.TopLogprobs
	}
	return j, nil
}

func (e *Engine) limit() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.props.Defaults.Context
}

func (e *Engine) slots() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return max(1, e.props.Slots)
}

// layOut turns a conversation into segments.
func (e *Engine) layOut(r *engine.ChatRequest) (prompt.Prompt, error) {
	if e.info.Can.Embed {
		return prompt.Prompt{}, fault.Advise(fault.Errorf(fault.Unsupported, "%s is an embedding model and cannot chat", e.name), "Use an instruct model.")
	}
	return e.format.Chat(r)
}

// maxImages is the limit of images in one request.
const maxImages = 64

// encode turns a prompt into tokens. Images become the tokens of Mistral's reference.
func (e *Engine) encode(p prompt.Prompt) (ids []int32, images []layout.Place, err error) {
	defer rescue(&err)
	if len(p.Images) > 0 && e.grid == nil {
		return nil, nil, engine.NoVision(e.name)
	}
	if len(p.Images) > maxImages {
		return nil, nil, &fault.Error{Kind: fault.Invalid, Param: "messages", Msg: fmt.Sprintf("the request has %d images: the limit is %d", len(p.Images), maxImages)}
	}
	return layout.Encode(e.vocab, p, &layout.Encoders{Images: e.grid})
}

// fill returns the tokens of a completion's prompt. A text without a suffix is continued as it is.
func (e *Engine) fill(r *engine.CompletionRequest) (ids []int32, err error) {
	defer rescue(&err)
	if len(r.Tokens) > 0 {
		return slices.Clone(r.Tokens), e.checkTokens(r.Tokens)
	}
	if r.Suffix == "" {
		return e.begun(r.Prompt), nil
	}
	if !e.info.Can.FIM {
		return nil, fault.Advise(fault.Errorf(fault.Unsupported, "%s cannot fill in the middle", e.name), "Use a code model, such as Codestral.")
	}
	p, err := e.format.Fill(r.Prompt, r.Suffix)
	if err != nil {
		return nil, err
	}
	ids, _, err = e.encode(p)
	return ids, err
}

// begun is a text as the beginning of what the model writes.
func (e *Engine) begun(text string) []int32 {
	var ids []int32
	if e.ends.addBOS && e.ends.bos >= 0 {
		ids = append(ids, e.ends.bos)
	}
	return append(ids, e.vocab.Encode(text, false)...)
}

// body is the request to /completion for tokens of one or several answers. All settings are sent:
// llama-server's defaults are others.
func (e *Engine) body(j *job, ids []int32, o ask) map[string]any {
	s := j.sampling
	penalties, dry := s.LastN, s.DRYLastN
	limit := e.limit()
	if penalties < 0 || penalties > limit {
		penalties = limit
	}
	if s.Repeat == 1 && s.Presence == 0 && s.Frequency == 0 {
		penalties = 0
	}
	if dry < 0 || dry > limit {
		dry = limit
	}
	seed := s.Seed + o.seed
	if seed == 1<<32-1 {
		seed = 0 // that one means a random seed
	}
	bias := [][2]any{}
	for id, b := range s.Bias {
		bias = append(bias, [2]any{id, b})
	}
	slices.SortFunc(bias, func(a, b [2]any) int { return int(a[0].(int32) - b[0].(int32)) })
	for _, id := range o.banned {
		bias = append(bias, [2]any{id, false})
	}
	body := map[string]any{
		"prompt": ids, "n_predict": o.max, "stream": o.stream, "return_tokens": true, "return_progress": o.stream,
		"cache_prompt": !j.seeded || s.Temperature == 0, "id_slot": -1, "n_cmpl": max(1, o.choices),
		"n_probs": 0, "post_sampling_probs": false, "n_keep": 0, "n_discard": 0, "n_indent": 0, "t_max_predict_ms": -1,
		"ignore_eos": o.noEnd, "logit_bias": bias, "stop": []string{}, "sse_ping_interval": 15,
		"temperature": s.Temperature, "dynatemp_range": 0, "top_k": s.TopK, "top_p": s.TopP, "min_p": s.MinP, "typical_p": s.TypicalP,
		"top_n_sigma": -1, "xtc_probability": 0, "mirostat": 0, "min_keep": 0,
		"repeat_last_n": penalties, "repeat_penalty": s.Repeat, "presence_penalty": s.Presence, "frequency_penalty": s.Frequency,
		"dry_multiplier": s.DRYMultiplier, "dry_base": s.DRYBase, "dry_allowed_length": s.DRYAllowedLength, "dry_penalty_last_n": dry,
		"seed": seed, "samplers": samplers,
		// Without it, the end of an answer repeats the prompt as text.
		"response_fields": []string{"index", "content", "tokens", "stop", "stop_type", "truncated", "tokens_predicted", "tokens_evaluated", "timings", "completion_probabilities"},
	}
	if s.DRYMultiplier != 0 {
		body["dry_sequence_breakers"] = s.DRYBreakers
	}
	if j.top >= 0 {
		body["n_probs"] = max(1, j.top)
	}
	if o.grammar != "" {
		body["grammar"] = o.grammar
	}
	return body
}

// samplers is the order in which the engine in bise applies them.
var samplers = []string{"penalties", "dry", "top_k", "min_p", "typ_p", "top_p", "temperature"}

// bans are the control tokens that no grammar may take by their names: llama.cpp would write
// [CALL_ID] into a string.
func (e *Engine) bans() []int32 {
	var ids []int32
	for id := range int32(e.vocab.Len()) {
		if e.vocab.IsControl(id) && !e.ends.enders[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// forged returns a control token's name that a text spells, or "".
func (e *Engine) forged(text string) string {
	if !strings.ContainsAny(text, "[<") {
		return ""
	}
	found := ""
	for id := range int32(e.vocab.Len()) {
		if !e.vocab.IsControl(id) {
			continue
		}
		if name := string(e.vocab.Piece(id)); len(name) > 2 && len(name) > len(found) && strings.Contains(text, name) {
			found = name
		}
	}
	return found
}
