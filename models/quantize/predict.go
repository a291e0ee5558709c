package quantize

import "github.com/bise-sh/bise/gguf"

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
