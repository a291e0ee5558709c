package quantize

import (
	"slices"
	"strings"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/fault/suggest"
	"github.com/bise-sh/bise/gguf"
)

// A Type is a quantization type of files, such as Q4_K_M: a mix of tensor types.
type Type struct {
	Name string
	File gguf.FileType // of the metadata
	Base gguf.Type     // of most tensors
	Copy bool          // keeps all types; only joins parts
	Note string        // when to use it, without a full stop
}

// types are the types of llama_model_quantize (llama-quant.cpp), the smallest first.
var types = []Type{
	{"IQ1_S", 24, gguf.IQ1_S, false, "1.6 bits a weight; needs an importance matrix"},
	{"TQ1_0", 36, gguf.TQ1_0, false, "1.7 bits, for models trained to be ternary"},
	{"IQ1_M", 31, gguf.IQ1_M, false, "1.8 bits; needs an importance matrix"},
	{"IQ2_XXS", 19, gguf.IQ2_XXS, false, "2.1 bits; needs an importance matrix"},
	{"TQ2_0", 37, gguf.TQ2_0, false, "2.1 bits, for models trained to be ternary"},
	{"IQ2_XS", 20, gguf.IQ2_XS, false, "2.3 bits; needs an importance matrix"},
	{"IQ2_S", 28, gguf.IQ2_XS, false, "2.5 bits; needs an importance matrix"},
	{"IQ2_M", 29, gguf.IQ2_S, false, "2.7 bits; needs an importance matrix"},
	{"Q2_K_S", 21, gguf.Q2_K, false, "2.8 bits; needs an importance matrix"},
	{"Q2_K", 10, gguf.Q2_K, false, "3.0 bits, a large loss"},
	{"IQ3_XXS", 23, gguf.IQ3_XXS, false, "3.1 bits; needs an importance matrix"},
	{"IQ3_XS", 22, gguf.IQ3_S, false, "3.3 bits"},
	{"IQ3_S", 26, gguf.IQ3_S, false, "3.4 bits"},
	{"Q3_K_S", 11, gguf.Q3_K, false, "3.5 bits"},
	{"IQ3_M", 27, gguf.IQ3_S, false, "3.7 bits"},
	{"Q3_K_M", 12, gguf.Q3_K, false, "3.9 bits"},
	{"Q3_K_L", 13, gguf.Q3_K, false, "4.3 bits"},
	{"MXFP4_MOE", 38, gguf.MXFP4, false, "4.3 bits for experts, 8.5 for the rest"},
	{"IQ4_XS", 30, gguf.IQ4_XS, false, "4.3 bits, the smallest that is nearly as good as Q4_K"},
	{"IQ4_NL", 25, gguf.IQ4_NL, false, "4.5 bits, fast on ARM"},
	{"Q4_0", 2, gguf.Q4_0, false, "4.5 bits, the fastest on many processors"},
	{"Q4_K_S", 14, gguf.Q4_K, false, "4.6 bits"},
	{"Q4_K_M", 15, gguf.Q4_K, false, "4.8 bits, the most common"},
	{"Q4_1", 3, gguf.Q4_1, false, "5.0 bits"},
	{"Q5_0", 8, gguf.Q5_0, false, "5.5 bits"},
	{"Q5_K_S", 16, gguf.Q5_K, false, "5.5 bits"},
	{"Q5_K_M", 17, gguf.Q5_K, false, "5.7 bits, nearly as good as the original"},
	{"Q5_1", 9, gguf.Q5_1, false, "6.0 bits"},
	{"Q6_K", 18, gguf.Q6_K, false, "6.6 bits, no noticeable loss"},
	{"Q8_0", 7, gguf.Q8_0, false, "8.5 bits, hardly any measurable loss"},
	{"F16", 1, gguf.F16, false, "16 bits"},
	{"BF16", 32, gguf.BF16, false, "16 bits, the type of the original weights"},
	{"F32", 0, gguf.F32, false, "32 bits, to convert other files from"},
	{"COPY", 0, gguf.F32, true, "no change of types; joins the parts of a split file"},
}

// Types lists what files can be quantized to, the smallest first.
func Types() []Type { return slices.Clone(types) }

// aliases are the short names of llama-quantize.
var aliases = map[string]string{"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}

// ParseType finds a type by its name, whose case does not matter. The error is
// of kind Invalid.
func ParseType(name string) (Type, error) {
	upper := strings.ToUpper(name)
	if whole, ok := aliases[upper]; ok {
		upper = whole
	}
	var names []string
	for _, t := range types {
		if t.Name == upper {
			return t, nil
		}
		names = append(names, t.Name)
	}
	return Type{}, unknownError("type", name, upper, names)
}

// ParseTensorType finds the type of a single tensor, such as Q6_K. The error is
// of kind Invalid.
func ParseTensorType(name string) (gguf.Type, error) {
	upper := strings.ToUpper(name)
	var names []string
	for _, t := range tensorTypes {
		if t.String() == upper {
			return t, nil
		}
		names = append(names, t.String())
	}
	return 0, unknownError("tensor type", name, upper, names)
}

// tensorTypes are the types that ggml_quantize_chunk of ggml.c writes.
var tensorTypes = []gguf.Type{
	gguf.IQ1_S, gguf.IQ1_M, gguf.TQ1_0, gguf.TQ2_0, gguf.IQ2_XXS, gguf.IQ2_XS, gguf.IQ2_S, gguf.Q2_K,
	gguf.IQ3_XXS, gguf.IQ3_S, gguf.Q3_K, gguf.MXFP4, gguf.IQ4_XS, gguf.IQ4_NL, gguf.Q4_0, gguf.Q4_1, gguf.Q4_K,
	gguf.Q5_0, gguf.Q5_1, gguf.Q5_K, gguf.Q6_K, gguf.Q8_0, gguf.F16, gguf.BF16, gguf.F32,
}

func unknownError(what, name, upper string, known []string) error {
	e := &fault.Error{Kind: fault.Invalid, Msg: "there is no " + what + " \"" + name + "\"", Advice: "There are " + strings.Join(known, ", ") + "."}
	if word := suggest.Word(upper, known); word != "" {
		e.Advice = "Did you mean " + word + "? " + e.Advice
	}
	return e
}

// isQuantized reports whether a type stores blocks of numbers with scales.
func isQuantized(t gguf.Type) bool {
	block, _ := t.Block()
	return block > 1
}
