package gguf_test

import (
	"testing"

	"github.com/bise-sh/bise/gguf"
)

func TestTypes(t *testing.T) {
	for n := range gguf.Type(64) {
		block, bytes := n.Block()
		if (block > 0) != (bytes > 0) {
			t.Errorf("%v: %d elements in %d bytes", n, block, bytes)
		}
		if got, ok := gguf.ParseType(n.String()); (block > 0) != ok || ok && got != n {
			t.Errorf("%v reads back as %v, %v", n, got, ok)
		}
	}
	// Bits a weight, as llama.cpp's documentation of quantization gives them.
	for typ, bits := range map[gguf.Type]float64{
		gguf.Q4_0: 4.5, gguf.Q8_0: 8.5, gguf.Q2_K: 2.625, gguf.Q3_K: 3.4375, gguf.Q4_K: 4.5, gguf.Q5_K: 5.5,
		gguf.Q6_K: 6.5625, gguf.IQ2_XXS: 2.0625, gguf.IQ2_XS: 2.3125, gguf.IQ3_XXS: 3.0625, gguf.IQ1_S: 1.5625,
		gguf.IQ1_M: 1.75, gguf.IQ4_XS: 4.25, gguf.IQ3_S: 3.4375, gguf.IQ2_S: 2.5625, gguf.MXFP4: 4.25,
		gguf.TQ1_0: 1.6875, gguf.TQ2_0: 2.0625,
	} {
		if block, bytes := typ.Block(); float64(8*bytes)/float64(block) != bits {
			t.Errorf("%v: %d bytes for %d weights are not %v bits a weight", typ, bytes, block, bits)
		}
	}
}

func TestFileTypes(t *testing.T) {
	for name, want := range map[string]gguf.FileType{"F32": 0, "q4_k_m": 15, "Q8_0": 7, "BF16": 32} {
		if got, ok := gguf.ParseFileType(name); !ok || got != want {
			t.Errorf("%s: got %d, %v", name, got, ok)
		}
	}
	for f, want := range map[gguf.FileType]string{15: "Q4_K_M", 1024 + 7: "Q8_0", 4: "", 999: ""} {
		if got := f.String(); got != want {
			t.Errorf("%d: got %q, want %q", uint32(f), got, want)
		}
	}
	if _, ok := gguf.ParseFileType(""); ok {
		t.Error("the empty name has a file type")
	}
}
