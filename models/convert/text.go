package convert

import "fmt"

// textTensors plans the tensors of a decoder.
func (p *plan) textTensors(m *model, n naming) {
	p.tensor("token_embd.weight", []int64{m.vocab, m.width}, n.embedding+".weight")
	for i := range m.layers {
		if p.err != nil {
			return
		}
		p.block(m, n, i)
	}
	p.tensor("output_norm.weight", []int64{m.width}, n.norm+".weight")
	if !m.ties(p.w, n.output) {
		p.tensor("output.weight", []int64{m.vocab, m.width}, n.output...)
	}
}

// ties reports whether the output is the embedding: when the configuration says
// so, or does not say it and there is no output. Embedding models have none.
func (m *model) ties(w *weights, output []string) bool {
	if m.embeds {
		return true
	}
	if m.tied != nil {
		return *m.tied
	}
	for _, name := range output {
		if w.has(name) {
			return false
		}
	}
	return true
}

func (p *plan) block(m *model, n naming, i int64) {
	from, to := n.at(i), fmt.Sprintf("blk.%d.", i)
	add := func(name string, shape ...int64) *output {
		return p.tensor(to+name+".weight", shape, from+n.block[name]+".weight")
	}
	add("attn_norm", m.width)
	q := add("attn_q", m.heads*m.headWidth, m.width)
	k := add("attn_k", m.kvHeads*m.headWidth, m.width)
	if n.permuted {
		q.rotated(m.headWidth)
		k.rotated(m.headWidth)
	}
	add("attn_v", m.kvHeads*m.headWidth, m.width)
	add("attn_output", m.width, m.heads*m.headWidth)
	add("ffn_norm", m.width)
	if m.experts > 0 {
		p.experts(m, n, from, to)
		return
	}
	add("ffn_gate", m.hidden, m.width)
	add("ffn_down", m.width, m.hidden)
	add("ffn_up", m.hidden, m.width)
}

// experts stacks the networks of a layer, which may be stored one by one, or
// together in one of two manners.
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
			if p.err != nil {
				return
			}
			t, err := p.w.find(names...)
			if err != nil {
				p.err = err
				return
			}
			parts = append(parts, p.part(t, shape, 0, shape[0]))
		}
		p.parts(to+name+"_exps.weight", []int64{m.experts, shape[0], shape[1]}, parts...)
	}
}

// expertShape is that of one expert's matrix.
func (m *model) expertShape(name string) []int64 {
	if name == "ffn_down" {
		return []int64{m.width, m.hidden}
	}
	return []int64{m.hidden, m.width}
}

// fused takes experts as transformers keeps them in memory: for each the gate's
// rows and then those that go up, in one tensor, and those that come down in
// another.
func (p *plan) fused(m *model, from, weight, to string) {
	t, err := p.w.find(from + "gate_up_proj" + weight)
	if err != nil {
		p.err = err
		return
	}
	var gate, up []part
	for e := range m.experts {
		shape := []int64{m.experts, 2 * m.hidden, m.width}
		gate = append(gate, p.part(t, shape, 2*e*m.hidden, m.hidden))
		up = append(up, p.part(t, shape, (2*e+1)*m.hidden, m.hidden))
	}
	shape := []int64{m.experts, m.hidden, m.width}
	p.parts(to+"ffn_gate_exps.weight", shape, gate...)
	p.tensor(to+"ffn_down_exps.weight", []int64{m.experts, m.width, m.hidden}, from+"down_proj"+weight)
	p.parts(to+"ffn_up_exps.weight", shape, up...)
}

// stacked takes experts as the first release of Mixtral had them: one below the
// other, and those that come down the other way round.
func (p *plan) stacked(m *model, from, weight, to string) {
	stored := []int64{m.experts * m.hidden, m.width}
	for _, x := range []struct{ name, part string }{{"ffn_gate", "w1"}, {"ffn_down", "w2"}, {"ffn_up", "w3"}} {
		if p.err != nil {
			return
		}
		t, err := p.w.find(from + x.part + weight)
		if err != nil {
			p.err = err
			return
		}
		shape := m.expertShape(x.name)
		o := p.parts(to+x.name+"_exps.weight", []int64{m.experts, shape[0], shape[1]}, p.part(t, stored, 0, m.experts*shape[0]))
		if x.name == "ffn_down" {
			o.transposed()
		}
	}
}
