package tinymodel

import (
	"fmt"
	"math"
	"math/rand/v2"

	"github.com/bise-sh/bise/gguf"
)

// A tensor has a function that fills its rows.
type tensor struct {
	gguf.Tensor
	fill func(*rand.Rand, []float32)
}

const (
	latentOriginal = 64 // tokens that YaRN and the attention temperature of latent attention begin at

	convWidth  = 4  // of Mamba's convolution, Codestral Mamba's
	stateWidth = 16 // of Mamba's state, a component
)

// around fills with numbers of this mean and standard deviation. They are
// uniform: that is all a model without meaning needs, and three times as fast as
// normal ones.
func around(mean, deviation float64) func(*rand.Rand, []float32) {
	span := float32(deviation * math.Sqrt(12))
	low := float32(mean) - span/2
	return func(r *rand.Rand, row []float32) {
		for i := range row {
			row[i] = low + span*r.Float32()
		}
	}
}

// gain is the spread of the logits. At 1 the likeliest tokens are so close that
// rounding could swap them; at 4 greedy answers are the same on every backend.
const gain = 4

// matrix maps in components to out, keeping their spread.
func (o Options) matrix(name string, in, out int, more ...int64) tensor {
	dims := append([]int64{int64(in), int64(out)}, more...)
	return tensor{gguf.Tensor{Name: name, Type: o.Weights, Dims: dims}, around(0, 1/math.Sqrt(float64(in)))}
}

// plain is a small tensor, which is never quantized.
func plain(name string, mean, deviation float64, dims ...int64) tensor {
	return tensor{gguf.Tensor{Name: name, Type: gguf.F32, Dims: dims}, around(mean, deviation)}
}

// ends are what every architecture has before and after its layers.
func (o Options) ends(tokens int) []tensor {
	embedding := o.matrix("token_embd.weight", o.Width, tokens)
	embedding.fill = around(0, 1)
	output := o.matrix("output.weight", o.Width, tokens)
	output.fill = around(0, gain/math.Sqrt(float64(o.Width)))
	return []tensor{embedding, plain("output_norm.weight", 1, 0.1, int64(o.Width)), output}
}

// llama are the tensors of llama.cpp's LLM_ARCH_LLAMA.
func (o Options) llama(tokens int) []tensor {
	plan := o.ends(tokens)
	for i := range o.Layers {
		name := func(s string) string { return fmt.Sprintf("blk.%d.%s.weight", i, s) }
		width := int64(o.Width)
		plan = append(plan,
			plain(name("attn_norm"), 1, 0.1, width),
			o.matrix(name("attn_q"), o.Width, o.Heads*o.HeadWidth),
			o.matrix(name("attn_k"), o.Width, o.KVHeads*o.HeadWidth),
			o.matrix(name("attn_v"), o.Width, o.KVHeads*o.HeadWidth),
			o.matrix(name("attn_output"), o.Heads*o.HeadWidth, o.Width),
			plain(name("ffn_norm"), 1, 0.1, width),
		)
		if n := int64(o.Experts); n > 0 {
			plan = append(plan,
				plain(name("ffn_gate_inp"), 0, 1/math.Sqrt(float64(o.Width)), width, n),
				o.matrix(name("ffn_gate_exps"), o.Width, o.FFN, n),
				o.matrix(name("ffn_down_exps"), o.FFN, o.Width, n),
				o.matrix(name("ffn_up_exps"), o.Width, o.FFN, n),
			)
			continue
		}
		plan = append(plan,
			o.matrix(name("ffn_gate"), o.Width, o.FFN),
			o.matrix(name("ffn_down"), o.FFN, o.Width),
			o.matrix(name("ffn_up"), o.Width, o.FFN),
		)
	}
	return plan
}

// latentRank is how many components of a token the keys and values of all heads are made from.
func (o Options) latentRank() int { return o.Width / 2 }

// latent are the tensors of llama.cpp's LLM_ARCH_DEEPSEEK2 with absorbed keys. The first layer is dense.
func (o Options) latent(tokens int) []tensor {
	plan := o.ends(tokens)
	width, rank, rope := int64(o.Width), int64(o.latentRank()), int64(o.HeadWidth/2)
	for i := range o.Layers {
		name := func(s string) string { return fmt.Sprintf("blk.%d.%s.weight", i, s) }
		plan = append(plan,
			plain(name("attn_norm"), 1, 0.1, width),
			o.matrix(name("attn_q_a"), o.Width, int(rank)),
			plain(name("attn_q_a_norm"), 1, 0.1, rank),
			o.matrix(name("attn_q_b"), int(rank), o.Heads*o.HeadWidth),
			o.matrix(name("attn_kv_a_mqa"), o.Width, int(rank+rope)),
			plain(name("attn_kv_a_norm"), 1, 0.1, rank),
			plain(name("attn_k_b"), 0, 1/math.Sqrt(float64(rope)), int64(o.HeadWidth)-rope, rank, int64(o.Heads)),
			o.matrix(name("attn_v_b"), int(rank), o.HeadWidth, int64(o.Heads)),
			o.matrix(name("attn_output"), o.Heads*o.HeadWidth, o.Width),
			plain(name("ffn_norm"), 1, 0.1, width),
		)
		if i == 0 {
			plan = append(plan,
				o.matrix(name("ffn_gate"), o.Width, o.FFN), o.matrix(name("ffn_down"), o.FFN, o.Width), o.matrix(name("ffn_up"), o.Width, o.FFN),
			)
			continue
		}
		plan = append(plan, plain(name("ffn_gate_inp"), 0, 1/math.Sqrt(float64(o.Width)), width, int64(o.Experts)))
		for _, x := range []struct {
			kind string
			more []int64
		}{{"_exps", []int64{int64(o.Experts)}}, {"_shexp", nil}} {
			plan = append(plan,
				o.matrix(name("ffn_gate"+x.kind), o.Width, o.FFN, x.more...),
				o.matrix(name("ffn_down"+x.kind), o.FFN, o.Width, x.more...),
				o.matrix(name("ffn_up"+x.kind), o.Width, o.FFN, x.more...),
			)
		}
	}
	return plan
}

// mamba are the tensors of llama.cpp's LLM_ARCH_MAMBA2, whose inner width is
// always twice the outer.
func (o Options) mamba(tokens int) []tensor {
	plan := o.ends(tokens)
	inner, heads := 2*o.Width, int64(o.Heads)
	mixed := inner + 2*stateWidth
	for i := range o.Layers {
		name := func(s string) string { return fmt.Sprintf("blk.%d.%s", i, s) }
		plan = append(plan,
			plain(name("attn_norm.weight"), 1, 0.1, int64(o.Width)),
			o.matrix(name("ssm_in.weight"), o.Width, inner+mixed+o.Heads),
			plain(name("ssm_conv1d.weight"), 0, 0.5, convWidth, int64(mixed)),
			plain(name("ssm_conv1d.bias"), 0, 0.1, int64(mixed)),
			plain(name("ssm_dt.bias"), -2, 0.5, heads),
			// The state decays with exp(a·dt): a is negative or it would grow.
			plain(name("ssm_a"), -4, 1, 1, heads),
			plain(name("ssm_d"), 1, 0.1, 1, heads),
			plain(name("ssm_norm.weight"), 1, 0.1, int64(inner), 1),
			o.matrix(name("ssm_out.weight"), inner, o.Width),
		)
	}
	return plan
}
