package scheduler

import "github.com/bise-sh/bise/engine"

// scores are the probabilities of a slot's tokens, each first and then the likeliest in its
// place: entry i belongs to token i. The first token has none. A job that asks for them can
// then use the cells of an earlier one: four choices after one question cost the question
// once.
type scores [][]Prob

// first are the scores of the first n tokens. They are those of the slot also for n-1 tokens:
// the last one says which token it is for.
func (s scores) first(n int) scores { return s[:min(n, len(s))] }

// known is how many leading tokens of a job's prompt have scores with enough alternatives.
func (s scores) known(j *Job) int {
	n := 1
	for n < min(len(s), len(j.Prompt)) && len(s[n]) > j.Top && s[n][0].ID == j.Prompt[n] {
		n++
	}
	return n
}

// score keeps the probabilities of the tokens after the n that were evaluated from place at
// on.
func (s *Scheduler) score(j *Job, o *slot, at, n int) {
	if at == 0 {
		o.scores = scores{nil}
	}
	for i := at; i < at+n && i+1 < len(j.Prompt); i++ {
		o.scores = append(o.scores.first(i+1), s.x.Probs(j.firstRow+i-at, j.Prompt[i+1], j.Top))
	}
}

// emitScores sends the scores of a job's prompt, in events of bounded size.
func (s *Scheduler) emitScores(j *Job, o *slot) {
	const most = 512
	var part []engine.Logprob
	for i, id := range j.Prompt {
		probs := []Prob{{ID: id}}
		if i > 0 {
			probs = o.scores[i][:1+j.Top]
		}
		part = append(part, s.logprob(probs))
		if len(part) == most || i == len(j.Prompt)-1 {
			j.out.put(engine.PromptLogprobs{Tokens: part})
			part = nil
		}
	}
}
