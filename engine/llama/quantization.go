package llama

import "github.com/bise-sh/bise/gguf"

// A Quantization configures [Quantize].
type Quantization struct {
	In, Out string        // Out without .gguf and the number of the part, with KeepSplit
	Type    gguf.FileType // the mix of types
	Copy    bool          // leave every tensor as it is
	Pure    bool          // one type for all instead of a mix
	// Requantize allows tensors that are quantized already, at a loss.
	Requantize bool
	KeepSplit  bool // as many files as In has
	// Output and Embedding are the types of output.weight and token_embd.weight;
	// nil leaves them to the mix.
	Output, Embedding *gguf.Type
	// Tensors overrides the types of tensors by patterns of their names (ECMAScript regular
	// expressions). The last pattern that matches counts.
	Tensors []TensorType
	// Matrix is how important each column of a tensor is, by the tensor's name;
	// experts come one after the other.
	Matrix   map[string][]float32
	Metadata []Fact // added to the file's metadata
	Threads  int
}

// A TensorType is the type of the tensors whose names match a pattern.
type TensorType struct {
	Pattern string
	Type    gguf.Type
}

// A Fact is a key of metadata with a text of at most 127 bytes or, when that is
// empty, a number.
type Fact struct {
	Key    string
	Text   string
	Number int64 // of 32 bits
}

// Quantized is how far a quantization is, or was in the end.
type Quantized struct {
	Done, Total int    // tensors begun, and all
	Tensor      string // the one begun last
	Fallbacks   int    // tensors whose rows the wanted type cannot pack, so that another was taken
	Unweighted  int    // tensors that the importance matrix does not have
}
