package convert

import "fmt"

type stateSpace struct {
	kernel, inner, state, heads int64
}

func mambaPrefix(w *weights) string {
	if w.has("model.backbone.norm_f.weight") {
		return "model."
	}
	return ""
}

func (p *plan) mambaTensors(m *model) (s stateSpace) {
	prefix := mambaPrefix(p.w)
	p.tensor("token_embd.weight", []int64{m.vocab, m.width}, prefix+"backbone.embeddings.weight", prefix+"backbone.embedding.weight")
	for i := range m.layers {
		from, to := fmt.Sprintf("%sbackbone.layers.%d.", prefix, i), fmt.Sprintf("blk.%d.", i)
		if i == 0 {
			s = p.stateSpace(m, from+"mixer.")
		}
		if p.err != nil {
			return s
		}
		channels := s.inner + 2*m.groups*s.state
		mixer := func(name, source string, shape ...int64) *output {
			return p.tensor(to+name, shape, from+"mixer."+source)
		}
		p.tensor(to+"attn_norm.weight", []int64{m.width}, from+"norm.weight")
		mixer("ssm_in.weight", "in_proj.weight", 2*s.inner+2*m.groups*s.state+s.heads, m.width)
		mixer("ssm_conv1d.weight", "conv1d.weight", channels, s.kernel)
		mixer("ssm_conv1d.bias", "conv1d.bias", channels)
		mixer("ssm_dt.bias", "dt_bias", s.heads)
		if a := mixer("ssm_a", "A_log", s.heads, 1); a != nil {
			a.change = negatedExp
		}
		mixer("ssm_d", "D", s.heads, 1)
		p.grouped(to+"ssm_norm.weight", from+"mixer.norm.weight", m.groups, s.inner)
		mixer("ssm_out.weight", "out_proj.weight", m.width, s.inner)
	}
	p.tensor("output_norm.weight", []int64{m.width}, prefix+"backbone.norm_f.weight")
	if head := prefix + "lm_head.weight"; !m.ties(p.w, []string{head}) {
		p.tensor("output.weight", []int64{m.vocab, m.width}, head)
	}
	return s
}

// grouped adds a vector as one row per group.
func (p *plan) grouped(name, source string, groups, n int64) {
	if o := p.tensor(name, []int64{n}, source); o != nil {
		o.Dims = []int64{n / groups, groups}
		o.parts[0].rows = groups
	}
}

func (p *plan) stateSpace(m *model, mixer string) (s stateSpace) {
	shape := func(name string, dims int) []int64 {
		t := p.find(mixer + name)
		if p.err == nil && len(t.Shape) != dims {
			p.err = t.errorf("has shape %v: want %d dimensions", t.Shape, dims)
		}
		if p.err != nil {
			return make([]int64, dims)
		}
		return t.Shape
	}
	s.inner = shape("out_proj.weight", 2)[1]
	conv := shape("conv1d.weight", 3)
	s.kernel = conv[2]
	s.heads = shape("A_log", 1)[0]
	if p.err != nil {
		return s
	}
	s.state = (conv[0] - s.inner) / (2 * m.groups)
	switch t := p.w.tensors[mixer+"conv1d.weight"]; {
	case s.inner != 2*m.width:
		// llama.cpp aborts on any other.
		p.err = p.w.tensors[mixer+"out_proj.weight"].errorf("has %d columns, and llama.cpp needs twice the width of %d", s.inner, m.width)
	case s.state < 1 || conv[0] != s.inner+2*m.groups*s.state:
		p.err = t.errorf("has %d channels, which do not fit an inner width of %d and %d groups of states", conv[0], s.inner, m.groups)
	case s.kernel < 1 || s.heads < 1 || s.inner%s.heads != 0 || s.heads%m.groups != 0 || s.inner%m.groups != 0:
		p.err = t.errorf("belongs to %d heads and %d groups, which do not divide the inner width of %d", s.heads, m.groups, s.inner)
	}
	return s
}
