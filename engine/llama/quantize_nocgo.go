//go:build !cgo

package llama

import "context"

// Quantize fails.
func Quantize(Quantization, func(Quantized)) (Quantized, error) { return Quantized{}, errNoCgo() }

// Inputs fails.
func (e *Engine) Inputs(context.Context, string, InputsOptions, func(done, total int)) (Inputs, error) {
	return Inputs{}, errNoCgo()
}

// Perplexity fails.
func (e *Engine) Perplexity(context.Context, string, PerplexityOptions, *Engine, func(Perplexity, int)) (Perplexity, error) {
	return Perplexity{}, errNoCgo()
}

// EmbedTokens fails.
func (e *Engine) EmbedTokens(context.Context, []int32) ([]float32, error) { return nil, errNoCgo() }
