package convert

import "fmt"

// A latent describes multi-head latent attention (MLA), as in Mistral Small 4 and Large 3:
// keys and values are projected from one small vector of each token, which alone is cached.
//
// Source: DeepSeek-V2, arXiv 2405.04434, section 2.1. llama.cpp runs it as "deepseek2", with
// the projection of keys absorbed into the queries: every head then attends to the same
// vector.
type latent struct {
	queryRank, rank int64 // components of the vectors of queries, and of keys and values
	plain, rotated  int64 // components of a head without and with RoPE
	value           int64 // components of a head's value
}

// A mixture describes experts with others that every token goes through, called shared.
type mixture struct {
	hidden int64 // of one expert
	shared int64 // number of shared experts, which are one matrix
	dense  int64 // layers at the start without experts
	scale  float64
	norm   bool // weights of the selected experts are normalized
}

// checkLatent checks what llama.cpp's deepseek2 assumes.
func (m *model) checkLatent(r *reader) {
	l, x := m.latent, m.mixture
	switch {
	case m.layers == 26 || m.layers == 27:
		r.fail("has %d layers with latent attention, which llama.cpp takes for another model", m.layers)
	case m.experts == 0:
		r.fail("has latent attention without experts, which llama.cpp cannot run")
	case x.dense > m.layers:
		r.fail("has %d dense layers of %d", x.dense, m.layers)
	case m.yarn != nil && (m.yarn.betaFast != 32 || m.yarn.betaSlow != 1):
		r.fail("has YaRN with beta_fast %v and beta_slow %v, and llama.cpp supports 32 and 1 with latent attention", m.yarn.betaFast, m.yarn.betaSlow)
	case l.rotated%2 != 0:
		r.fail("has heads with RoPE of odd width %d", l.rotated)
	case l.value*l.rank%l.plain != 0:
		// Heads are read in rows of the transposed matrix.
		r.fail("has %d components of a head without RoPE, which do not divide those of its values", l.plain)
	case x.shared < 1:
		r.fail("has no shared experts, which llama.cpp requires with latent attention")
	case m.tied != nil && *m.tied:
		r.fail("has latent attention and no output matrix, which llama.cpp cannot run")
	}
}

// latentBlock adds the attention of a layer. Both layouts have the rows of a RoPE pair next to
// each other.
func (p *plan) latentBlock(m *model, n naming, from, to string) {
	l := m.latent
	add := func(name string, shape ...int64) {
		p.tensor(to+name+".weight", shape, from+n.block[name]+".weight")
	}
	head := l.plain + l.rotated
	add("attn_q_a", l.queryRank, m.width)
	add("attn_q_a_norm", l.queryRank)
	add("attn_q_b", m.heads*head, l.queryRank)
	add("attn_kv_a_mqa", l.rank+l.rotated, m.width)
	add("attn_kv_a_norm", l.rank)
	// Of each head, the rows that make keys, and then those that make values.
	t, stored := p.find(from+n.block["attn_kv_b"]+".weight"), []int64{m.heads * (l.plain + l.value), l.rank}
	var keys, values []part
	for h := range m.heads {
		first := h * (l.plain + l.value)
		keys = append(keys, p.part(t, stored, first*l.rank/l.plain, l.rank)) // counted in transposed rows
		values = append(values, p.part(t, stored, first+l.plain, l.value))
	}
	p.parts(to+"attn_k_b.weight", []int64{m.heads, l.rank, l.plain}, keys...).transposed()
	p.parts(to+"attn_v_b.weight", []int64{m.heads, l.value, l.rank}, values...)
	add("attn_output", m.width, m.heads*l.value)
}

// sharedExperts adds the experts that every token goes through.
func (p *plan) sharedExperts(m *model, n naming, from, to string) {
	wide := m.mixture.hidden * m.mixture.shared
	for _, x := range []struct {
		name  string
		shape []int64
	}{{"ffn_gate", []int64{wide, m.width}}, {"ffn_down", []int64{m.width, wide}}, {"ffn_up", []int64{wide, m.width}}} {
		p.tensor(to+x.name+"_shexp.weight", x.shape, from+fmt.Sprintf(n.shared, n.sharedPart[x.name]))
	}
}

// describeLatent writes the keys of deepseek2. The engine sees one key-value head: the vector
// of the token and its part with RoPE.
func (m *model) describeLatent(count func(key string, n int64), number func(key string, v float64)) {
	l, x := m.latent, m.mixture
	count("attention.head_count_kv", 1)
	count("attention.key_length", l.rank+l.rotated)
	count("attention.value_length", l.rank)
	count("attention.key_length_mla", l.plain+l.rotated)
	count("attention.value_length_mla", l.value)
	count("attention.q_lora_rank", l.queryRank)
	count("attention.kv_lora_rank", l.rank)
	count("rope.dimension_count", l.rotated)
	count("leading_dense_block_count", x.dense)
	count("expert_feed_forward_length", x.hidden)
	count("expert_shared_count", x.shared)
	number("expert_weights_scale", x.scale)
	count("expert_gating_func", softmaxGate)
	if m.temperature > 0 {
		// With the scale and without the length llama.cpp aborts.
		count("attention.temperature_length", m.temperatureFrom)
	}
}

// softmaxGate is LLAMA_EXPERT_GATING_FUNC_TYPE_SOFTMAX.
const softmaxGate = 1
