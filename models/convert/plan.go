package convert

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/bise-sh/bise/gguf"
)

// An output is a tensor of the result, made from parts in their order.
type output struct {
	gguf.Tensor
	parts []part
	// arrange reorders unit rows from src to dst; a row has row bytes.
	unit    int64
	arrange func(dst, src []byte, row int)
	// change changes the numbers.
	change func([]float32)
}

// A part is a range of rows of a source, as long as the rows of the output.
type part struct {
	*source
	from, rows int64
	scale      float32 // of FP8
}

func (o *output) columns() int64 { return o.Dims[0] }

// A plan has the tensors of a file.
type plan struct {
	w       *weights
	file    string // of the configuration
	outputs []*output
	err     error // the first one
}

// find returns the first existing source of the names, or nil after an error.
func (p *plan) find(names ...string) (t *source) {
	if p.err == nil {
		t, p.err = p.w.find(names...)
	}
	return t
}

// tensor adds a copy of the source with one of the names, which must have the shape apart
// from dimensions of 1. It returns nil after an error.
func (p *plan) tensor(name string, shape []int64, names ...string) *output {
	return p.parts(name, shape, p.part(p.find(names...), shape, 0, rows(shape)))
}

// part returns n rows of a source, which must have the shape.
func (p *plan) part(t *source, shape []int64, from, n int64) part {
	if p.err != nil {
		return part{}
	}
	if !slices.Equal(withoutOnes(t.Shape), withoutOnes(shape)) {
		p.err = t.errorf("has shape %v, and %s requires %v", t.Shape, p.file, shape)
	}
	if p.err == nil && decoders[t.Type] == nil {
		p.err = t.errorf("has type %s, which cannot be converted", t.Type)
	}
	pt := part{source: t, from: from, rows: n, scale: 1}
	if p.err == nil && t.Type == fp8 {
		pt.scale = p.scale(t, from, n)
	}
	return pt
}

// scale returns the factor of n rows of an FP8 tensor.
func (p *plan) scale(t *source, from, n int64) float32 {
	scales, err := p.w.scales(t)
	if err != nil {
		p.err = err
		return 1
	}
	if len(scales) == 1 {
		return scales[0]
	}
	slice := rows(t.Shape) / t.Shape[0]
	if from/slice != (from+n-1)/slice {
		p.err = t.errorf("has a scale for each expert, and cannot be converted whole")
		return 1
	}
	return scales[from/slice]
}

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

func withoutOnes(shape []int64) []int64 {
	return slices.DeleteFunc(slices.Clone(shape), func(d int64) bool { return d == 1 })
}

// rotated moves the rows of each RoPE pair, which transformers stores half a head apart, next
// to each other.
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

// types sets the type of every tensor like llama.cpp's converter: vectors, norms, the router of
// experts and the small tensors of Mamba are F32. Rows that blocks of 32 do not divide are
// F16 instead of Q8_0, and the vision encoder's convolution is F16 or F32.
func (p *plan) types(want gguf.Type) {
	for _, o := range p.outputs {
		o.Type = want
		switch {
		case strings.HasPrefix(o.Name, "a.conv1d.") && strings.HasSuffix(o.Name, ".weight"):
			o.Type = gguf.F16 // the only type that ggml's convolution takes
		case strings.HasSuffix(o.Name, ".bias"), o.Name == "a.position_embd.weight":
			o.Type = gguf.F32
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

// unused reports tensors that were not converted and would change the answers.
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
	what := "is unknown"
	if len(left) > 1 {
		what += fmt.Sprintf(", and so are %d others", len(left)-1)
	}
	e := w.tensors[left[0]].errorf("%s", what)
	e.Advice = "The configuration does not describe the whole model: without these tensors its answers would be wrong."
	return e
}

// ignored reports whether a tensor follows from the configuration, or is a scale of
// activations.
func ignored(name string) bool {
	return slices.ContainsFunc([]string{
		".rotary_emb.inv_freq", ".activation_scale", "_activation_scale", ".input_scale", ".qscale_act", ".k_scale", ".v_scale", ".kv_scale",
	}, func(end string) bool { return strings.HasSuffix(name, end) })
}

// negatedExp converts Mamba's A, of which the logarithm is stored.
func negatedExp(v []float32) {
	for i, f := range v {
		v[i] = -float32(math.Exp(float64(f)))
	}
}
