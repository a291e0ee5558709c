package enginetest

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"testing"

	"github.com/bise-sh/bise/safetensors"
)

// Golden reads the tensors of a safetensors file as float64. It skips the test if the file is absent.
func Golden(t *testing.T, path string) map[string][]float64 {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skip("no fixtures at hand: ", err)
	}
	file, err := safetensors.Decode(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]float64{}
	for _, tensor := range file.Tensors {
		raw := data[tensor.Offset : tensor.Offset+tensor.Size()]
		for ; len(raw) > 0; raw = raw[tensor.Type.Size():] {
			if tensor.Type == safetensors.I64 {
				out[tensor.Name] = append(out[tensor.Name], float64(int64(binary.LittleEndian.Uint64(raw))))
			} else {
				out[tensor.Name] = append(out[tensor.Name], float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))))
			}
		}
	}
	return out
}
