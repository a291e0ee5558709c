package convert

import "fmt"

// visionTensors plans the tensors of the vision encoder and projector. rowBreak is the id of
// [IMG_BREAK], whose embedding ends every row of an image.
func (p *plan) visionTensors(m *model, n naming, rowBreak int64) {
	v := m.vision
	row := p.part(p.find(n.embedding+".weight"), []int64{m.vocab, m.width}, rowBreak, 1)
	p.parts("v.token_embd.img_break", []int64{m.width}, row)
	p.tensor("v.patch_embd.weight", []int64{v.width, v.channels, v.patch, v.patch}, n.visionPrefix+"patch_conv.weight")
	p.tensor("v.pre_ln.weight", []int64{v.width}, n.visionPrefix+"ln_pre.weight")
	for i := int64(0); i < v.layers && p.err == nil; i++ {
		from, to := fmt.Sprintf("%stransformer.layers.%d.", n.visionPrefix, i), fmt.Sprintf("v.blk.%d.", i)
		add := func(name string, shape ...int64) *output {
			return p.tensor(to+name+".weight", shape, from+n.vision[name]+".weight")
		}
		add("ln1", v.width)
		q, k := add("attn_q", v.width, v.width), add("attn_k", v.width, v.width)
		if n.permuted {
			q.rotated(v.width / v.heads)
			k.rotated(v.width / v.heads)
		}
		add("attn_v", v.width, v.width)
		add("attn_out", v.width, v.width)
		add("ln2", v.width)
		add("ffn_gate", v.hidden, v.width)
		add("ffn_down", v.width, v.hidden)
		add("ffn_up", v.hidden, v.width)
	}
	if v.norm {
		p.tensor("mm.input_norm.weight", []int64{v.width}, n.adapt["mm.input_norm"]+".weight")
	}
	if v.merge > 1 {
		p.tensor("mm.patch_merger.weight", []int64{v.width, v.merge * v.merge * v.width}, n.adapt["mm.patch_merger"]+".weight")
	}
	for _, x := range []struct {
		name string
		from int64
	}{{"mm.1", v.width}, {"mm.2", m.width}} {
		p.tensor(x.name+".weight", []int64{m.width, x.from}, n.adapt[x.name]+".weight")
		bias := n.adapt[x.name] + ".bias"
		if v.bias == nil && p.w.has(bias) || v.bias != nil && *v.bias {
			p.tensor(x.name+".bias", []int64{m.width}, bias)
		}
	}
}
