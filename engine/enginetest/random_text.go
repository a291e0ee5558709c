package enginetest

import (
	"cmp"
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/bise-sh/bise/engine"
)

// A randomText is the reply to a request for which the test has written none: some
// sixty words in an order that follows from the prompt and, with a temperature,
// from the seed. It obeys min_tokens, logit_bias and logprobs; settings that only
// shift probabilities change nothing.
type randomText struct {
	sampling engine.Sampling
	rng      *rand.Rand
	n        int  // tokens generated
	sentence bool // the first word begins a sentence
}

// randomLength is how many tokens a random text has unless the request asks for
// more.
const randomLength = 60

func newRandomText(r Request, choice int, prompt []int32) *randomText {
	t := &randomText{sampling: r.Sampling()}
	seed := rand.Uint64()
	switch s := &t.sampling; {
	case valueOr(s.Temperature, 0) == 0 || valueOr(s.TopK, 0) == 1: // greedy
		seed, choice = 0, 0
	case s.Seed != nil:
		seed = uint64(*s.Seed) + 1
	}
	var hash uint64
	for _, id := range prompt {
		hash = mix(hash ^ uint64(id))
	}
	t.rng = rand.New(rand.NewPCG(hash^mix(seed), uint64(choice)))
	if r.Chat != nil {
		t.sentence = r.Chat.Messages[len(r.Chat.Messages)-1].Role != engine.Assistant
	}
	return t
}

// step generates the next token. It reports false at the end of the text.
func (t *randomText) step() (Step, bool) {
	ended := t.n >= randomLength || t.sampling.LogitBias[idEOS] >= 100
	if ended && t.n >= t.sampling.MinTokens {
		return nil, false
	}
	candidates := t.candidates()
	best := slices.MaxFunc(candidates, func(a, b engine.Logprob) int {
		return cmp.Compare(a.Logprob+t.sampling.LogitBias[a.ID], b.Logprob+t.sampling.LogitBias[b.ID])
	})
	best.Top = candidates[:t.sampling.TopLogprobs]
	t.n++
	return token(best), true
}

// candidates are 20 words, the likeliest first, and every token that has a bias.
// Before the bias those are much less likely, and in no particular order.
func (t *randomText) candidates() []engine.Logprob {
	first := idWords
	if t.sentence && t.n == 0 {
		first = idStarts
	}
	var all []engine.Logprob
	add := func(id int32, logprob float64) {
		all = append(all, engine.Logprob{Token: vocabulary[id], ID: id, Logprob: logprob, Bytes: bytesOf(vocabulary[id])})
	}
	for i, word := range t.rng.Perm(len(words))[:20] {
		add(first+int32(word), -0.7*float64(i+1))
	}
	var biased []int32
	for id := range t.sampling.LogitBias {
		control := id >= idBOS && id < idWords // has no text
		if !control && !slices.ContainsFunc(all, func(l engine.Logprob) bool { return l.ID == id }) {
			biased = append(biased, id)
		}
	}
	slices.Sort(biased)
	for _, id := range biased {
		add(id, -20-t.rng.Float64())
	}
	return all
}

// prescribedReply is the reply to a request that prescribes the form of its
// answer, nil when the form is free. It knows the grammars, the schema and the
// tools that the suite asks for, and no others.
func prescribedReply(r Request) (Reply, error) {
	if grammar := r.Sampling().Grammar; grammar != "" {
		if grammar == runesGrammar {
			return tokenReply(strings.Repeat("é漢😀", 8)), nil
		}
		for _, g := range grammarTests {
			if g.grammar == grammar {
				return tokenReply(g.reply), nil
			}
		}
		return nil, invalid("grammar", "the script has no reply for this grammar")
	}
	if r.Chat == nil {
		return nil, nil
	}
	if c := r.Chat.ToolChoice; len(r.Chat.Tools) > 0 && (c.Mode == "any" || c.Function != "") {
		name := cmp.Or(c.Function, r.Chat.Tools[0].Function.Name)
		return Reply{Call{Name: name, Arguments: `{"north":true,"days":2}`}}, nil
	}
	switch f := r.Chat.ResponseFormat; {
	case f == nil || f.Type == "text":
		return nil, nil
	case f.Type == "json_object":
		return tokenReply(`{"text": "cold wind"}`), nil
	case jsonText(f.JSONSchema.Schema) == jsonText(json.RawMessage(testSchema)):
		return tokenReply(testSchemaReply), nil
	}
	return nil, invalid("response_format", "the script has no reply for this schema")
}

// tokenReply is a text in the tokens of the script's vocabulary.
func tokenReply(s string) Reply {
	reply := Reply{}
	for _, id := range tokenize(s) {
		reply = append(reply, Text(vocabulary[id]))
	}
	return reply
}
