package quantize

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
)

// A plan has the new type of each tensor, in the order of llama.cpp.
type plan struct {
	tensors  []gguf.Tensor
	types    []gguf.Type
	overhead int64 // bytes outside of tensors, about
}

func (p *plan) size() int64 {
	n := p.overhead
	for i, t := range p.tensors {
		t.Type = p.types[i]
		n += (t.Size() + gguf.DefaultAlignment - 1) &^ (gguf.DefaultAlignment - 1)
	}
	return n
}

// layerOf is the layer of a tensor, or -1.
func layerOf(name string) int {
	rest, ok := strings.CutPrefix(name, "blk.")
	if !ok {
		return -1
	}
	number, _, ok := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	if !ok || err != nil {
		return -1
	}
	return n
}

// order sorts tensors as llama_model_loader does: by layer, then by name. With keepSplit
// the order stays.
func order(tensors []gguf.Tensor, keepSplit bool) []gguf.Tensor {
	sorted := slices.Clone(tensors)
	if !keepSplit {
		slices.SortFunc(sorted, func(a, b gguf.Tensor) int {
			return cmp.Or(cmp.Compare(layerOf(a.Name), layerOf(b.Name)), cmp.Compare(a.Name, b.Name))
		})
	}
	return sorted
}

// newPlan plans each tensor, and reports what llama.cpp would fail or abort on later.
func newPlan(f *gguf.File, o *Options, m *Matrix) (*plan, error) {
	p := &plan{tensors: order(f.Tensors, o.KeepSplit), overhead: headroom}
	for _, part := range f.Parts {
		p.overhead += part.Data
	}
	mix := newMix(o.Type, f)
	mix.output, mix.embedding, mix.weighted = o.Output, o.Embedding, m != nil
	matched := make([]bool, len(o.Tensors))
	for _, t := range p.tensors {
		kind := t.Type
		if !o.Type.Copy && quantizable(t) {
			var err error
			if kind, err = mix.resolve(t, o, matched); err != nil {
				return nil, err
			}
			if err := mix.check(t, kind, o, m); err != nil {
				return nil, err
			}
		}
		p.types = append(p.types, kind)
	}
	for i, ok := range matched {
		if !ok {
			return nil, fault.Advise(fault.Errorf(fault.Invalid, "no quantized tensor matches %s", o.Tensors[i].Pattern), "List the names with bise show --tensors.")
		}
	}
	return p, nil
}

const headroom = 1024 // bytes for the added metadata

// resolve returns the type of a tensor as llama_model_quantize_impl does: that of the mix,
// unless the options override it.
func (m *mix) resolve(t gguf.Tensor, o *Options, matched []bool) (gguf.Type, error) {
	kind := m.Base
	if !o.Pure && isQuantized(m.Base) {
		want := m.choose(t)
		var ok bool
		if kind, ok = fallbackType(want, t); !ok {
			return 0, rowsError(t, want)
		}
		fits := kind == want // llama.cpp does not override fallbacks
		for i, override := range o.Tensors {
			if override.re.MatchString(t.Name) {
				matched[i] = true
				if fits {
					kind = override.Type
				}
			}
		}
	}
	if o.Embedding != nil && t.Name == "token_embd.weight" {
		kind = *o.Embedding
	}
	if o.Output != nil && t.Name == "output.weight" {
		kind = *o.Output
	}
	return kind, nil
}

func rowsError(t gguf.Tensor, kind gguf.Type) error {
	block, _ := kind.Block()
	return fault.Advise(fault.Errorf(fault.Invalid, "%s has rows of %d numbers, and blocks of %v have %d", t.Name, t.Dims[0], kind, block), "Choose a type with blocks of 32, such as Q8_0, or F16.")
}

func (m *mix) check(t gguf.Tensor, kind gguf.Type, o *Options, matrix *Matrix) error {
	if kind == t.Type {
		return nil
	}
	if !rowsFit(kind, t) {
		return rowsError(t, kind)
	}
	if isQuantized(t.Type) && !o.Requantize {
		return fault.Advise(fault.Errorf(fault.Invalid, "%s is quantized already: %s is %v", o.In, t.Name, t.Type), "Quantize from F16, BF16 or F32, or accept the loss with --allow-requantize.")
	}
	var columns []float32
	if matrix != nil {
		columns = matrix.Values(t.Name)
	}
	if columns == nil && m.needsMatrix(t.Name, kind) {
		if matrix != nil {
			return fault.Advise(fault.Errorf(fault.Invalid, "the importance matrix lacks %s, and %v needs it", t.Name, kind), "Make one for this model with bise imatrix.")
		}
		return fault.Advise(fault.Errorf(fault.Invalid, "%s needs an importance matrix for %s", o.Type.Name, t.Name), "Make one with bise imatrix, and give it with --imatrix.")
	}
	want := t.Dims[0]
	if len(t.Dims) > 2 {
		want *= t.Dims[2]
	}
	// llama.cpp allows the embedding, which no matrix has.
	if columns != nil && int64(len(columns)) != want && t.Name != "token_embd.weight" {
		return fault.Advise(fault.Errorf(fault.Invalid, "the importance matrix is of another model: it has %d columns of %s, which has %d", len(columns), t.Name, want), "Make one for this model with bise imatrix.")
	}
	return nil
}

// needsMatrix reports whether llama.cpp refuses to quantize a tensor without a matrix.
func (m *mix) needsMatrix(name string, kind gguf.Type) bool {
	end := name == "token_embd.weight" || name == "output.weight"
	switch kind {
	case gguf.IQ2_XXS, gguf.IQ2_XS, gguf.IQ2_S, gguf.IQ1_S:
		return true
	case gguf.IQ1_M:
		return !end
	case gguf.Q2_K:
		return m.Name == "Q2_K_S" && name != "token_embd.weight"
	}
	return false
}

// An Override is the type of the tensors whose names match a pattern.
type Override struct {
	Pattern string
	Type    gguf.Type
	re      *regexp.Regexp
}

// ParseOverride reads PATTERN=TYPE. The pattern is a regular expression that matches
// anywhere in a tensor's name. Errors are of kind Invalid.
func ParseOverride(s string) (Override, error) {
	i := strings.LastIndexByte(s, '=')
	if i < 1 {
		return Override{}, fault.Advise(fault.Errorf(fault.Invalid, "%q is not a tensor type", s), "Write PATTERN=TYPE, such as attn_v=q8_0.")
	}
	t, err := ParseTensorType(s[i+1:])
	if err != nil {
		return Override{}, err
	}
	re, err := regexp.Compile(s[:i])
	if err != nil {
		return Override{}, fault.Advise(fault.Errorf(fault.Invalid, "invalid pattern %q: %w", s[:i], err), `Write part of a tensor's name, or a regular expression such as blk\.[0-3]\..*weight.`)
	}
	return Override{s[:i], t, re}, nil
}

// Predict returns the tensors of a model quantized to a type without an importance matrix.
// It uses only the header.
func Predict(f *gguf.File, t Type) ([]gguf.Tensor, error) {
	mix := newMix(t, f)
	tensors := order(f.Tensors, false)
	for i, tensor := range tensors {
		if t.Copy || !quantizable(tensor) {
			continue
		}
		kind, err := mix.resolve(tensor, &Options{Type: t}, nil)
		if err != nil {
			return nil, err
		}
		tensors[i].Type = kind
	}
	return tensors, nil
}
