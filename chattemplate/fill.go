package template

import (
	"slices"

	"github.com/bise-sh/bise/mistral/prompt"
)

// fim are the control tokens of infill: the prefix follows the first, the suffix the
// second, and the model writes after the third.
type fim struct{ prefix, suffix, middle string }

// fims are the control tokens of model families trained for infill, from llama-vocab.cpp.
var fims = []fim{
	{"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"}, // Qwen, CodeGemma
	{"<fim_prefix>", "<fim_suffix>", "<fim_middle>"},       // StarCoder, Granite
	{"<fim-prefix>", "<fim-suffix>", "<fim-middle>"},       // SantaCoder
	{"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>"},       // DeepSeek
	{"▁<PRE>", "▁<SUF>", "▁<MID>"},                         // CodeLlama
	{"<PRE>", "<SUF>", "<MID>"},
	{"<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>"}, // GLM
}

// findFIM is the first family whose three tokens are all there.
func findFIM(tokens []string) *fim {
	for _, f := range fims {
		if slices.Contains(tokens, f.prefix) && slices.Contains(tokens, f.suffix) && slices.Contains(tokens, f.middle) {
			return &f
		}
	}
	return nil
}

// IsInfill reports whether a token is one of those for infill. llama.cpp takes it for a control
// token, whatever type the file gives it.
func IsInfill(token string) bool {
	return slices.ContainsFunc(fims, func(f fim) bool { return token == f.prefix || token == f.suffix || token == f.middle })
}

// Fill lays out an infill prompt. Without a suffix it is a plain continuation, which every
// model supports.
func (f *Format) Fill(prefix, suffix string) (prompt.Prompt, error) {
	var list []prompt.Segment
	if f.source.AddBOS && f.source.BOS != "" {
		list = append(list, prompt.Segment{Control: f.source.BOS})
	}
	text := func(s string, bare bool) {
		if s != "" {
			list = append(list, prompt.Segment{Text: s, Bare: bare})
		}
	}
	if suffix == "" {
		text(prefix, false)
		return prompt.Prompt{Segments: list}, nil
	}
	if f.fim == nil {
		return prompt.Prompt{}, unsupported("this model was not trained to fill in text before a suffix", "Use a model for code, such as codestral, or leave the suffix out.")
	}
	list = append(list, prompt.Segment{Control: f.fim.prefix})
	text(prefix, false)
	list = append(list, prompt.Segment{Control: f.fim.suffix})
	text(suffix, true) // the suffix continues code: it begins no text
	list = append(list, prompt.Segment{Control: f.fim.middle})
	return prompt.Prompt{Segments: list}, nil
}
