package convert

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bise-sh/bise/gguf"
)

// An output is a tensor of the result and how it is made: the numbers of its
// parts, one after the other.
type output struct {
	gguf.Tensor
	parts []part
	// unit is how many rows have to be converted together, and arrange then puts their
	// bytes in order: dst gets what src has, rows of n bytes.
	unit    int64
	arrange func(dst, src []byte, row int)
	// change is done to every number.
	change func([]float32)
}

// A part is some rows of a tensor. A row is as long as one of the output.
type part struct {
	*source
	from, rows int64
	scale      float32 // that FP8 is multiplied with
}

// columns is the length of a row.
func (o *output) columns() int64 { return o.Dims[0] }

// A plan is the tensors of one file.
type plan struct {
	w       *weights
	file    string // that says how large they are
	outputs []*output
	err     error // the first one
}

// tensor adds one that is as long as its shape says: of a tensor with one of the
// names and, ones left out, that shape. It is nil after an error.
func (p *plan) tensor(name string, shape []int64, names ...string) *output {
	if p.err != nil {
		return nil
	}
	t, err := p.w.find(names...)
	if err != nil {
		p.err = err
		return nil
	}
	return p.parts(name, shape, p.part(t, shape, 0, rows(shape)))
}

// part is rows of a tensor that must have a shape, for an output whose rows are as
// long as the shape's.
func (p *plan) part(t *source, shape []int64, from, n int64) part {
	if p.err == nil && !slices.Equal(withoutOnes(t.Shape), withoutOnes(shape)) {
		p.err = t.errorf("has shape %v, and %s asks for %v", t.Shape, p.file, shape)
	}
	if p.err == nil && decoders[t.Type] == nil {
		p.err = t.errorf("is of type %s, which weights cannot have here", t.Type)
	}
	pt := part{source: t, from: from, rows: n, scale: 1}
	if p.err == nil && t.Type == fp8 {
		pt.scale, p.err = p.w.scale(t)
	}
	return pt
}

// parts adds an output of a shape, outermost dimension first, made of parts.
func (p *plan) parts(name string, shape []int64, parts ...part) *output {
	if p.err != nil {
		return nil
	}
	dims := slices.Clone(shape)
	slices.Reverse(dims)
	o := &output{Tensor: gguf.Tensor{Name: name, Dims: dims}, parts: parts, unit: 1}
	p.outputs = append(p.outputs, o)
	return o
}

func rows(shape []int64) int64 {
	n := int64(1)
	for _, d := range shape[:len(shape)-1] {
		n *= d
	}
	return n
}

// withoutOnes is a shape without dimensions of one, which change nothing.
func withoutOnes(shape []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(shape), func(d int64) bool { return d == 1 })
}

// rotated makes the rows of each head pairs that are beside each other. In the
// files of transformers the two rows of a pair are half a head apart.
func (o *output) rotated(headWidth int64) {
	if o == nil {
		return
	}
	half := int(headWidth / 2)
	o.unit = headWidth
	o.arrange = func(dst, src []byte, row int) {
		for j := range half {
			copy(dst[2*j*row:], src[j*row:(j+1)*row])
			copy(dst[(2*j+1)*row:], src[(half+j)*row:(half+j+1)*row])
		}
	}
}

// transposed turns each unit of rows, which is stored with the columns of the
// output as its rows.
func (o *output) transposed() {
	if o == nil {
		return
	}
	columns := int(o.Dims[0])
	n := int(o.Dims[1])
	o.unit = int64(n)
	o.arrange = func(dst, src []byte, row int) {
		size := row / columns
		for c := range columns {
			for r := range n {
				copy(dst[(r*columns+c)*size:(r*columns+c+1)*size], src[(c*n+r)*size:])
			}
		}
	}
}

// types gives every tensor its type. What is kept in F32 whatever is asked for is what
// llama.cpp's converter keeps so: vectors, norms, the choice of experts, and the small
// tensors of Mamba. Rows that blocks of 32 do not divide are F16 instead of Q8_0, and the
// vision encoder's first layer, a convolution, is F16 or F32.
func (p *plan) types(want gguf.Type) {
	for _, o := range p.outputs {
		o.Type = want
		switch {
		case len(o.Dims) == 1, strings.HasSuffix(o.Name, "_norm.weight"), strings.HasSuffix(o.Name, ".ffn_gate_inp.weight"),
			strings.Contains(o.Name, ".ssm_conv1d."), strings.HasSuffix(o.Name, ".ssm_a"), strings.HasSuffix(o.Name, ".ssm_d"):
			o.Type = gguf.F32
		case o.Name == "v.patch_embd.weight" && want != gguf.F16:
			o.Type = gguf.F32
		case want == gguf.Q8_0 && o.Dims[0]%32 != 0:
			o.Type = gguf.F16
		}
	}
}

// unused finds a tensor that nothing was made of and that would change what the
// model answers.
func (w *weights) unused(tied bool) error {
	var left []string
	for name, t := range w.tensors {
		if !t.used && !ignored(name) && !(tied && (strings.HasSuffix(name, "lm_head.weight") || name == "output.weight")) {
			left = append(left, name)
		}
	}
	if len(left) == 0 {
		return nil
	}
	slices.Sort(left)
	what := "has no place in such a model"
	if len(left) > 1 {
		what += fmt.Sprintf(", nor have %d others", len(left)-1)
	}
	e := w.tensors[left[0]].errorf("%s", what)
	e.Advice = "A model with more in it than its configuration says would answer otherwise than it was trained to."
	return e
}

// ignored are tensors that follow from the configuration, and scales of what is
// computed rather than of weights.
func ignored(name string) bool {
	for _, end := range []string{
		".rotary_emb.inv_freq", ".activation_scale", ".input_scale", ".qscale_act", ".k_scale", ".v_scale", ".kv_scale",
	} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return false
}

// negatedExp is what llama.cpp wants of Mamba's A, of which the logarithm is
// stored.
func negatedExp(v []float32) {
	for i, f := range v {
		v[i] = -float32(math.Exp(float64(f)))
	}
}
