package quantize

import "github.com/bise-sh/bise/gguf"

// Predict gives the tensors that a model would have if it were quantized to a type
// without an importance matrix. It reads nothing: the model may be no more than an
// invented header.
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
