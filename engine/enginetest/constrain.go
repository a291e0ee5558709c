package enginetest

import (
	"encoding/json"
	"math/rand/v2"

	"github.com/bise-sh/bise/engine"
)

// constrained is what the toy model answers when the form of the answer is
// prescribed: a call of a tool, JSON, or a sentence of a grammar. It is nil when
// the answer is free.
func constrained(r Request, choice int, prompt uint64) (Reply, error) {
	s := r.Sampling()
	rng := generator(&s, choice)
	if pointed(s.Temperature, 0) == 0 {
		rng = rand.New(rand.NewPCG(prompt, 0))
	}
	if s.Grammar != "" {
		g, err := parseGrammar(s.Grammar)
		if err != nil {
			return nil, invalid("grammar", "%v", err)
		}
		return pieces(g.sentence(rng)), nil
	}
	if r.Chat == nil {
		return nil, nil
	}
	if c := r.Chat.ToolChoice; len(r.Chat.Tools) > 0 && (c.Mode == "any" || c.Function != "") {
		return callTool(r.Chat, rng)
	}
	switch f := r.Chat.ResponseFormat; {
	case f == nil:
	case f.Type == "json_object":
		return pieces(text(map[string]string{"text": phrase(rng, 3)})), nil
	case f.Type == "json_schema":
		v, err := sample(f.JSONSchema.Schema, rng)
		if err != nil {
			return nil, invalid("response_format", "%v", err)
		}
		return pieces(text(v)), nil
	}
	return nil, nil
}

// callTool calls the tool that is asked for, or any of them.
func callTool(r *engine.ChatRequest, rng *rand.Rand) (Reply, error) {
	f := r.Tools[rng.IntN(len(r.Tools))].Function
	if name := r.ToolChoice.Function; name != "" {
		for _, t := range r.Tools {
			if t.Function.Name == name {
				f = t.Function
			}
		}
	}
	schema := f.Parameters
	if len(schema) == 0 {
		schema = json.RawMessage(`{"type":"object"}`)
	}
	v, err := sample(schema, rng)
	if err != nil {
		return nil, invalid("tools", "%s: %v", f.Name, err)
	}
	id := make([]byte, 9)
	for i := range id {
		id[i] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"[rng.IntN(62)]
	}
	return Reply{Call{ID: string(id), Name: f.Name, Arguments: text(v)}}, nil
}

// pieces is a text in the toy's tokens.
func pieces(s string) Reply {
	reply := Reply{}
	for _, id := range tokenize(s) {
		reply = append(reply, Text(vocabulary[id]))
	}
	return reply
}

// phrase is n words.
func phrase(rng *rand.Rand, n int) string {
	var s string
	for i := range n {
		if i > 0 {
			s += " "
		}
		s += words[rng.IntN(len(words))]
	}
	return s
}
