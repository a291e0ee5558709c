package eval

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/math"
)

// Options say how a model is asked.
type Options struct {
	Parallel int // cases asked at once; 0: 4
	Votes    int // answers of each case of Exact, Contains and Numeric, of which the most frequent counts; 0: 1
	Sampling engine.Sampling
}

// MaxParallel is the maximum number of cases that are asked at once.
const MaxParallel = 64

// An Outcome is what a model made of a case.
type Outcome struct {
	Line       int           `json:"line"`
	Metric     Metric        `json:"metric"`
	OK         bool          `json:"ok"`
	Answer     string        `json:"answer"`
	Similarity float64       `json:"similarity,omitempty"` // of Infill: 1 less the edits per character
	Cut        bool          `json:"cut,omitempty"`        // the answer ended at the limit of tokens
	Error      string        `json:"error,omitempty"`      // why there is no answer: the case was too long, say
	Prompt     int           `json:"prompt_tokens"`
	Generated  int           `json:"generated_tokens"`
	Time       time.Duration `json:"time_ns"`
}

// maxTokens is the default limit of an answer.
const maxTokens = 1024

// Run asks a model the cases and calls each with every outcome, one at a time, as they come.
// It ends with the first error that is not about a single case.
func Run(ctx context.Context, e engine.Engine, cases []Case, o Options, each func(Outcome) error) error {
	o.Votes = max(1, o.Votes)
	if o.Sampling.MaxTokens == nil {
		limit := maxTokens
		o.Sampling.MaxTokens = &limit
	}
	if o.Sampling.Temperature == nil && o.Votes == 1 {
		o.Sampling.Temperature = new(float64) // greedy
	}
	o.Sampling.N = 0
	o.Sampling.Lookup = engine.LookupOff // batches of other sizes round differently
	group, ctx := errgroup.WithContext(ctx)
	limit := o.Parallel
	if limit == 0 {
		limit = 4
	}
	group.SetLimit(limit)
	var mu sync.Mutex
	for _, c := range cases {
		group.Go(func() error {
			began := time.Now()
			out, err := c.ask(ctx, e, o)
			switch fault.KindOf(err) {
			case fault.TooLong, fault.Invalid, fault.Unsupported:
				// It is about this case: others can be shorter, or need less of the model.
				out, err = Outcome{Error: err.Error()}, nil
			}
			if err != nil {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				return err
			}
			out.Line, out.Metric, out.Time = c.Line, c.Metric, time.Since(began)
			mu.Lock()
			defer mu.Unlock()
			return each(out)
		})
	}
	return group.Wait()
}

// ask asks a case and judges the answer.
func (c Case) ask(ctx context.Context, e engine.Engine, o Options) (Outcome, error) {
	switch c.Metric {
	case Choice:
		return c.choose(ctx, e)
	case Infill:
		r := engine.CompletionRequest{Prompt: c.Prompt, Suffix: c.Suffix, Sampling: o.Sampling}
		return c.collect(e.Complete(ctx, r), 1)
	case Numeric:
		return c.solve(ctx, e, o)
	}
	r := engine.ChatRequest{Messages: c.Messages, Tools: c.Tools, Sampling: o.Sampling}
	n := 1
	if c.Metric != Schema && o.Votes > 1 {
		n = o.Votes
		r.N = n
	}
	return c.collect(e.Chat(ctx, r), n)
}

// collect reads n answers, and judges the most frequent one.
func (c Case) collect(events func(func(engine.Event, error) bool), n int) (Outcome, error) {
	var out Outcome
	answers := make([]strings.Builder, n)
	cut := make([]bool, n)
	for event, err := range events {
		if err != nil {
			return out, err
		}
		switch e := event.(type) {
		case engine.TextDelta:
			if e.Choice < n {
				answers[e.Choice].WriteString(e.Text)
			}
		case engine.Finish:
			if e.Choice < n {
				cut[e.Choice] = e.Reason.IsCutOff()
			}
		case engine.Done:
			out.Prompt, out.Generated = e.Usage.PromptTokens, e.Usage.CompletionTokens
		}
	}
	texts := make([]string, n)
	for i := range answers {
		texts[i] = answers[i].String()
	}
	i := mostFrequent(texts)
	out.Answer, out.Cut = texts[i], cut[i]
	c.judge(&out)
	return out, nil
}

// mostFrequent returns the index of the first of the most frequent texts, apart from white
// space around them.
func mostFrequent(texts []string) (best int) {
	count := map[string]int{}
	for _, t := range texts {
		count[strings.TrimSpace(t)]++
	}
	for i, t := range texts {
		if count[strings.TrimSpace(t)] > count[strings.TrimSpace(texts[best])] {
			best = i
		}
	}
	return best
}

// judge decides whether the answer is right.
func (c Case) judge(out *Outcome) {
	answer := strings.TrimSpace(out.Answer)
	switch c.Metric {
	case Exact:
		out.OK = answer == strings.TrimSpace(c.Expected)
	case Infill:
		out.OK = answer == strings.TrimSpace(c.Expected)
		out.Similarity = similarity(answer, strings.TrimSpace(c.Expected))
	case Contains:
		lower := strings.ToLower(answer)
		out.OK = !slices.ContainsFunc(c.Contains, func(s string) bool { return !strings.Contains(lower, strings.ToLower(s)) })
	case Schema:
		out.OK = c.satisfies(answer) == nil
	}
}

// satisfies checks an answer against the schema. A model may put JSON in a code block.
func (c Case) satisfies(answer string) error {
	if inner, ok := strings.CutPrefix(answer, "```"); ok {
		_, inner, _ = strings.Cut(inner, "\n")
		answer, _, _ = strings.Cut(inner, "```")
	}
	return c.schema.Check(strings.TrimSpace(answer))
}

// solve lets the mode for mathematics answer, votes included.
func (c Case) solve(ctx context.Context, e engine.Engine, o Options) (out Outcome, _ error) {
	last := len(c.Messages) - 1
	p := math.Problem{Text: c.Messages[last].Content.Plain(), Before: c.Messages[:last], Votes: o.Votes, Sampling: o.Sampling, Temperature: o.Sampling.Temperature}
	s := math.NewSession(p)
	for event, err := range s.Follow(e.Chat(ctx, p.Request())) {
		if err != nil {
			return out, err
		}
		if d, ok := event.(engine.Done); ok {
			out.Prompt, out.Generated = d.Usage.PromptTokens, d.Usage.CompletionTokens
		}
	}
	if out.Generated == 0 { // the vote ended early, without a sum
		counter := engine.TokenCounter{Engine: e}
		for _, v := range s.Solutions {
			n, err := counter.Count(ctx, v.Thinking+v.Text)
			if err != nil {
				return out, err
			}
			out.Generated += n
		}
	}
	r := s.Result()
	out.Answer, out.Cut = r.Solution.Text, r.Solution.Cut()
	out.OK = r.Answer.How != math.None && math.Equal(r.Answer.Value, math.Parse(c.Expected))
	return out, nil
}

// choose scores every choice as a continuation of the question by the sum of the
// log-probabilities of its tokens, and takes the best, as lm-evaluation-harness does for its
// metric acc.
func (c Case) choose(ctx context.Context, e engine.Engine) (out Outcome, _ error) {
	question, err := e.Tokenize(ctx, engine.TokenizeRequest{Chat: &engine.ChatRequest{Messages: c.Messages, Tools: c.Tools}})
	if err != nil {
		return out, err
	}
	best, top := 0, 0.0
	for i, text := range c.Choices {
		choice, err := e.Tokenize(ctx, engine.TokenizeRequest{Text: &text})
		if err != nil {
			return out, err
		}
		score, err := likelihood(ctx, e, slices.Concat(question.IDs, choice.IDs), len(choice.IDs))
		if err != nil {
			return out, err
		}
		if i == 0 || score > top {
			best, top = i, score
		}
		out.Prompt += len(question.IDs) + len(choice.IDs)
	}
	out.Answer, out.OK = c.Choices[best], best == c.Answer
	return out, nil
}

// likelihood is the sum of the log-probabilities of the last n tokens.
func likelihood(ctx context.Context, e engine.Engine, tokens []int32, n int) (sum float64, _ error) {
	limit := 1
	r := engine.CompletionRequest{Tokens: tokens, PromptLogprobs: true, Sampling: engine.Sampling{MaxTokens: &limit, Temperature: new(float64)}}
	var all []engine.Logprob
	for event, err := range e.Complete(ctx, r) {
		if err != nil {
			return 0, err
		}
		if p, ok := event.(engine.PromptLogprobs); ok {
			all = append(all, p.Tokens...)
		}
	}
	if len(all) < len(tokens) || n > len(all) {
		return 0, fault.Advise(fault.Errorf(fault.Unsupported, "%s does not give the probabilities of a prompt, which choices need", e.Info().Model), "Use an installed model, or ask for the letter of the choice with expected.")
	}
	for _, p := range all[len(tokens)-n : len(tokens)] {
		sum += p.Logprob
	}
	return sum, nil
}

// similarity is 1 less the number of edits (Levenshtein) for each character of the longer
// text. Of texts over 4,000 characters only that much is compared.
func similarity(a, b string) float64 {
	const most = 4000
	x, y := []rune(a), []rune(b)
	x, y = x[:min(len(x), most)], y[:min(len(y), most)]
	if len(x) == 0 && len(y) == 0 {
		return 1
	}
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i, r := range x {
		diagonal := row[0]
		row[0] = i + 1
		for j, s := range y {
			change := diagonal
			if r != s {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return 1 - float64(row[len(y)])/float64(max(len(x), len(y)))
}

// String describes a case in a line: its question.
func (c Case) String() string {
	if c.Metric == Infill {
		return fmt.Sprintf("%s<fill>%s", c.Prompt, c.Suffix)
	}
	return c.Messages[len(c.Messages)-1].Content.Plain()
}
