package enginetest

import (
	"math"
	"slices"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
)

func testEmbed(t *testing.T, c *check) {
	texts := []string{"cold wind from the north", "a warm summer evening", "x", "cold wind from the north"}
	got := c.embedded(t, engine.EmbedRequest{Input: texts})
	if n := got.Usage; n.PromptTokens < len(texts) || n.TotalTokens != n.PromptTokens || n.CompletionTokens != 0 {
		t.Errorf("the usage is %+v", n)
	}
	size := len(got.Vectors[0])
	if c.info.EmbeddingSize > 0 && size != c.info.EmbeddingSize {
		t.Errorf("a vector has %d components and the model's have %d", size, c.info.EmbeddingSize)
	}
	for i, v := range got.Vectors {
		if len(v) != size {
			t.Fatalf("vector %d has %d components and the first %d", i, len(v), size)
		}
		if l := math.Sqrt(dot(v, v)); math.Abs(l-1) > 1e-3 {
			t.Errorf("vector %d has the length %v", i, l)
		}
	}
	if d := dot(got.Vectors[0], got.Vectors[3]); d < 0.999 {
		t.Errorf("the same text has vectors whose cosine is %v", d)
	}
	if slices.Equal(got.Vectors[0], got.Vectors[1]) {
		t.Error("two texts have the same vector")
	}

	// Alone as together.
	for i, text := range texts[:3] {
		alone := c.embedded(t, engine.EmbedRequest{Input: []string{text}})
		if d := dot(alone.Vectors[0], got.Vectors[i]); d < 0.999 {
			t.Errorf("text %d alone and among others has vectors whose cosine is %v", i, d)
		}
	}

	// The first components, with length 1 again.
	for _, n := range []int{1, size / 2, size} {
		cut := c.embedded(t, engine.EmbedRequest{Input: texts[:1], Dimension: n}).Vectors[0]
		if len(cut) != n {
			t.Errorf("output_dimension %d: %d components", n, len(cut))
			continue
		}
		want := normalized(got.Vectors[0][:n])
		if l, d := dot(cut, cut), dot(cut, want); math.Abs(l-1) > 1e-3 || d < 0.999 {
			t.Errorf("output_dimension %d: the squared length is %v, the cosine with the cut vector %v", n, l, d)
		}
	}

	if c.info.ContextLength > 0 {
		c.testEmbedTooLong(t, got.Vectors[2])
	}

	// Nothing has a vector too, or is refused.
	if _, err := c.e.Embed(c.context(t), engine.EmbedRequest{Input: []string{""}}); err != nil && fault.KindOf(err) != fault.Invalid {
		t.Errorf("an empty text: %v", err)
	}
}

// testEmbedTooLong checks that a text which does not fit is refused, or loses its end. x is the
// vector of the text "x".
func (c *check) testEmbedTooLong(t *testing.T, x []float32) {
	long := c.long(t)
	req := engine.EmbedRequest{Input: []string{long, "x", long + "and more"}}
	_, err := c.e.Embed(c.context(t), req)
	c.wantTooLong(t, "a long text", err)
	req.Truncate = true
	cut := c.embedded(t, req)
	if d := dot(cut.Vectors[0], cut.Vectors[2]); d < 0.999 {
		t.Errorf("texts that differ after the end of the context have vectors whose cosine is %v", d)
	}
	if d := dot(cut.Vectors[1], x); d < 0.999 {
		t.Errorf("a text alone and among long ones has vectors whose cosine is %v", d)
	}
}

func (c *check) embedded(t *testing.T, req engine.EmbedRequest) engine.Embeddings {
	t.Helper()
	got, err := c.e.Embed(c.context(t), req)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Vectors) != len(req.Input) {
		t.Fatalf("%d texts have %d vectors", len(req.Input), len(got.Vectors))
	}
	return got
}

// dot is the product of two vectors; of length 1, their cosine.
func dot(a, b []float32) (sum float64) {
	for i := range min(len(a), len(b)) {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}
