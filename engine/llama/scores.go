//go:build cgo

package llama

import "github.com/bise-sh/bise/engine"

// scores are the probabilities of a slot's tokens, each first and then the likeliest in its
// place: entry i belongs to token i. The first token has none. A job that asks for them can
// then use the cells of an earlier one: four choices after one question cost the question
// once.
type scores [][]prob

// first are the scores of the first n tokens. They are those of the slot also for n-1 tokens:
// the last one says which token it is for.
func (s scores) first(n int) scores { return s[:min(n, len(s))] }

// known is how many leading tokens of a job's prompt have scores with enough alternatives.
func (s scores) known(j *job) int {
	n := 1
	for n < min(len(s), len(j.prompt)) && len(s[n]) > j.top && s[n][0].id == j.prompt[n] {
		n++
	}
	return n
}

// outputs is how many tokens of a batch can have logits: a row of them is as long as the
// vocabulary.
func (s *scheduler) outputs() int {
	const memory = 64 << 20
	return max(1, memory/4/s.m.vocabulary())
}

// score keeps the probabilities of the tokens after the n that were evaluated from place at
// on.
func (s *scheduler) score(j *job, o *slot, at, n int) {
	if at == 0 {
		o.scores = scores{nil}
	}
	for i := at; i < at+n && i+1 < len(j.prompt); i++ {
		o.scores = append(o.scores.first(i+1), s.x.probs(j.firstRow+i-at, j.prompt[i+1], j.top))
	}
}

// emitScores sends the scores of a job's prompt, in events of bounded size.
func (s *scheduler) emitScores(j *job, o *slot) {
	const most = 512
	var part []engine.Logprob
	for i, id := range j.prompt {
		probs := []prob{{id: id}}
		if i > 0 {
			probs = o.scores[i][:1+j.top]
		}
		part = append(part, s.logprob(probs))
		if len(part) == most || i == len(j.prompt)-1 {
			j.out.put(engine.PromptLogprobs{Tokens: part})
			part = nil
		}
	}
}
