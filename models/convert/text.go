package convert

import (
	"fmt"
	"slices"
)

func (p *plan) textTensors(m *model, n naming) {
	p.tensor("token_embd.weight", []int64{m.vocab, m.width}, n.embedding+".weight")
	for i := int64(0); i < m.layers && p.err == nil; i++ {
		p.block(m, n, i)
	}
	p.tensor("output_norm.weight", []int64{m.width}, n.norm+".weight")
	if !m.ties(p.w, n.output) {
		p.tensor("output.weight", []int64{m.vocab, m.width}, n.output...)
	}
}

// ties reports whether the output matrix is the embedding: if the configuration says so, or
// there is no output matrix. Embedding models have none.
func (m *model) ties(w *weights, output []string) bool {
	if m.embeds {
		return true
	}
	if m.tied != nil {
		return *m.tied
	}
	return !slices.ContainsFunc(output, w.has)
}

func (p *plan) block(m *model, n naming, i int64) {
	from, to := n.at(i), fmt.Sprintf("blk.%d.", i)
	add := func(name string, shape ...int64) *output {
		return p.tensor(to+name+".weight", shape, from+n.block[name]+".weight")
	}
	add("attn_norm", m.width)
	if m.latent != nil {
		p.latentBlock(m, n, from, to)
	} else {
		p.attention(m, n, add)
	}
	add("ffn_norm", m.width)
	if m.experts > 0 && (m.mixture == nil || i >= m.mixture.dense) {
		p.experts(m, n, from, to)
		if m.mixture != nil {
			p.sharedExperts(m, n, from, to)
		}
		return
	}
	add("ffn_gate", m.hidden, m.width)
	add("ffn_down", m.width, m.hidden)
	add("ffn_up", m.hidden, m.width)
}

func (p *plan) attention(m *model, n naming, add func(name string, shape ...int64) *output) {
	q := add("attn_q", m.heads*m.headWidth, m.width)
	k := add("attn_k", m.kvHeads*m.headWidth, m.width)
	if n.permuted {
		q.rotated(m.headWidth)
		k.rotated(m.headWidth)
	}
	add("attn_v", m.kvHeads*m.headWidth, m.width)
	add("attn_output", m.width, m.heads*m.headWidth)
}

// experts stacks the experts of a layer, which may be stored one by one, fused or stacked.
func (p *plan) experts(m *model, n naming, from, to string) {
	var gates []string
	for _, g := range n.gates {
		gates = append(gates, from+g)
	}
	p.tensor(to+"ffn_gate_inp.weight", []int64{m.experts, m.width}, gates...)
	for _, prefix := range []string{"block_sparse_moe.", "mlp."} {
		for _, weight := range []string{"", ".weight"} {
			if p.w.has(from + prefix + "experts.gate_up_proj" + weight) {
				p.fused(m, from+prefix+"experts.", weight, to)
				return
			}
			if p.w.has(from + prefix + "w1" + weight) {
				p.stacked(m, from+prefix, weight, to)
				return
			}
		}
	}
	for _, name := range []string{"ffn_gate", "ffn_down", "ffn_up"} {
		shape := m.expertShape(name)
		var parts []part
		for e := range m.experts {
			var names []string
			for _, x := range n.expert {
				names = append(names, from+fmt.Sprintf(x, e)+expertPart[name])
			}
			parts = append(parts, p.part(p.find(names...), shape, 0, shape[0]))
		}
		p.parts(to+name+"_exps.weight", []int64{m.experts, shape[0], shape[1]}, parts...)
	}
}

func (m *model) expertShape(name string) []int64 {
	hidden := m.expertHidden()
	if name == "ffn_down" {
		return []int64{m.width, hidden}
	}
	return []int64{hidden, m.width}
}

// expertHidden is the width of the hidden layer of one expert.
func (m *model) expertHidden() int64 {
	if m.mixture != nil {
		return m.mixture.hidden
	}
	return m.hidden
}

// fused converts experts in the layout that transformers has in memory: one tensor with the
// gate and up rows of each expert, and one with the down rows.
func (p *plan) fused(m *model, from, weight, to string) {
	t, down := p.find(from+"gate_up_proj"+weight), p.find(from+"down_proj"+weight)
	hidden := m.expertHidden()
	var gate, up, below []part
	for e := range m.experts {
		shape := []int64{m.experts, 2 * hidden, m.width}
		gate = append(gate, p.part(t, shape, 2*e*hidden, hidden))
		up = append(up, p.part(t, shape, (2*e+1)*hidden, hidden))
		below = append(below, p.part(down, []int64{m.experts, m.width, hidden}, e*m.width, m.width))
	}
	shape := []int64{m.experts, hidden, m.width}
	p.parts(to+"ffn_gate_exps.weight", shape, gate...)
	p.parts(to+"ffn_down_exps.weight", []int64{m.experts, m.width, hidden}, below...)
	p.parts(to+"ffn_up_exps.weight", shape, up...)
}

// stacked converts experts in the layout of Mixtral's first release: one below the other, and
// ffn_down transposed.
func (p *plan) stacked(m *model, from, weight, to string) {
	stored := []int64{m.experts * m.hidden, m.width}
	for _, x := range []struct{ name, part string }{{"ffn_gate", "w1"}, {"ffn_down", "w2"}, {"ffn_up", "w3"}} {
		shape := m.expertShape(x.name)
		t := p.find(from + x.part + weight)
		o := p.parts(to+x.name+"_exps.weight", []int64{m.experts, shape[0], shape[1]}, p.part(t, stored, 0, m.experts*shape[0]))
		if x.name == "ffn_down" {
			o.transposed()
		}
	}
}
