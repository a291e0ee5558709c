package api

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"net/http"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/wire"
)

type embedding struct {
	Object    string `json:"object"`
	Index     int    `json:"index"`
	Embedding any    `json:"embedding"` // a list of numbers, or base64
}

func (s *server) embeddings(w http.ResponseWriter, r *http.Request) error {
	var req engine.EmbedRequest
	dtype, encoding := "float", "float"
	var dimension value
	var keep *time.Duration
	err := s.read(w, r, func(o *object) {
		o.needModel()
		req.Model = o.string("model")
		if v, ok := o.alias("input", "inputs"); ok {
			req.Input = v.inputs()
		} else {
			o.need("input")
		}
		if v, ok := o.alias("output_dimension", "dimensions"); ok {
			dimension, req.Dimension = v, int(v.integer(1, math.MaxInt32))
		}
		if v, ok := o.get("output_dtype"); ok {
			dtype = v.oneOf("float", "int8", "uint8", "binary", "ubinary")
		}
		if v, ok := o.get("encoding_format"); ok {
			encoding = v.oneOf("float", "base64")
		}
		if !o.r.strict {
			req.Truncate = o.boolean("truncate")
		}
		o.hints()
		keep = o.r.keep
	})
	model := req.Model
	if err == nil {
		model, err = s.c.Name(r.Context(), EmbedMode, model)
	}
	if err == nil {
		err = s.keep(r.Context(), model, keep)
	}
	if err != nil {
		return err
	}
	eng, model, err := s.c.open(r.Context(), EmbedMode, model, func(float64) {})
	if err != nil {
		return err
	}
	if size := eng.Info().EmbeddingSize; size > 0 && req.Dimension > size {
		bound(dimension, int64(req.Dimension), 1, int64(size))
		return dimension.r.err()
	}
	answer, err := eng.Embed(r.Context(), req)
	if err != nil {
		return err
	}
	data := make([]embedding, len(answer.Vectors))
	for i, v := range answer.Vectors {
		data[i] = embedding{Object: "embedding", Index: i, Embedding: encodeVector(v, dtype, encoding)}
	}
	list := map[string]any{"id": newID(), "object": "list", "model": model, "data": data, "usage": answer.Usage}
	if answer.Load > 0 {
		list["bise"] = wire.Extra{Timings: &engine.Timings{Load: answer.Load}}
	}
	return WriteJSON(w, http.StatusOK, list)
}

// inputs reads a text or a list of texts. OpenAI's clients can send token ids,
// which are those of another model.
func (v value) inputs() []string {
	if v.is('"') {
		return []string{unquote(v.raw)}
	}
	values := v.list()
	if v.is('[') && len(values) == 0 {
		v.violate("too_short", "List should have at least 1 item after validation, not 0", map[string]any{"min_length": 1})
	}
	texts := make([]string, len(values))
	for i, e := range values {
		texts[i] = e.string()
	}
	return texts
}

// encodeVector gives a vector an output_dtype and an encoding_format.
func encodeVector(v []float32, dtype, encoding string) any {
	if dtype != "float" {
		numbers := quantize(v, dtype)
		if encoding != "base64" {
			return numbers
		}
		b := make([]byte, len(numbers))
		for i, n := range numbers {
			b[i] = byte(n)
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	if encoding != "base64" {
		return append([]float32{}, v...)
	}
	b := make([]byte, 0, 4*len(v))
	for _, x := range v {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(x))
	}
	return base64.StdEncoding.EncodeToString(b)
}

// quantize gives a vector a smaller type. Of int8 and uint8 the largest component
// takes the whole range, so that cosines stay what they were; a bit of binary and
// ubinary is set for a positive component, the first being the highest of a byte,
// as numpy.packbits has it.
func quantize(v []float32, dtype string) []int {
	if dtype == "binary" || dtype == "ubinary" {
		packed := make([]int, (len(v)+7)/8)
		for i, x := range v {
			if x > 0 {
				packed[i/8] |= 0x80 >> (i % 8)
			}
		}
		if dtype == "binary" {
			for i := range packed {
				packed[i] -= 128
			}
		}
		return packed
	}
	largest := 0.0
	for _, x := range v {
		largest = max(largest, math.Abs(float64(x)))
	}
	zero := 0
	if dtype == "uint8" {
		zero = 128
	}
	numbers := make([]int, len(v))
	for i, x := range v {
		numbers[i] = zero
		if largest > 0 {
			numbers[i] += int(math.Round(float64(x) / largest * 127))
		}
	}
	return numbers
}
