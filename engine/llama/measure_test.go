//go:build cgo

package llama

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// prose is a text of some thousand tokens for the tiny models.
func prose() string {
	var b strings.Builder
	words := strings.Fields("the wind comes down from the north in winter and nobody who lives by the lake leaves a window open for it")
	for i := range 3000 {
		b.WriteString(words[(i*i+3*i)%len(words)] + " ")
	}
	return b.String()
}

// floats reads a tensor of float32.
func floats(t *testing.T, path, name string) (values []float32, columns int) {
	t.Helper()
	file, err := gguf.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range file.Tensors {
		if x.Name == name {
			for at := x.Offset; at < x.Offset+x.Size(); at += 4 {
				values = append(values, math.Float32frombits(binary.LittleEndian.Uint32(data[at:])))
			}
			return values, int(x.Dims[0])
		}
	}
	t.Fatalf("there is no tensor %s", name)
	return nil, 0
}

// TestInputs computes what goes into the first layer's attention by hand: the
// normalised embeddings of the tokens.
func TestInputs(t *testing.T) {
	path := tiny(t, tinymodel.Mistral())
	e := open(t, path, engine.LoadOptions{})
	const size, pieces = 64, 5
	told := 0
	in, err := e.Inputs(t.Context(), prose(), InputsOptions{Context: size, Pieces: pieces}, func(done, total int) {
		told++
		if done != told || total != pieces {
			t.Errorf("%d of %d", done, total)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if told != pieces || in.Pieces != pieces || in.Context != size {
		t.Errorf("%d pieces of %d were told, %d", in.Pieces, in.Context, told)
	}
	list, err := e.windows(prose(), size, pieces)
	if err != nil {
		t.Fatal(err)
	}
	embedding, width := floats(t, path, "token_embd.weight")
	norm, _ := floats(t, path, "blk.0.attn_norm.weight")
	want := make([]float64, width)
	for _, piece := range list {
		for _, id := range piece {
			row := embedding[int(id)*width:][:width]
			sum := 0.0
			for _, x := range row {
				sum += float64(x) * float64(x)
			}
			scale := 1 / math.Sqrt(sum/float64(width)+1e-5)
			for i, x := range row {
				v := float64(x) * scale * float64(norm[i])
				want[i] += v * v
			}
		}
	}
	got := map[string]TensorInputs{}
	for _, x := range in.Tensors {
		got[x.Name] = x
	}
	for _, name := range []string{"blk.0.attn_q.weight", "blk.0.attn_k.weight", "blk.0.attn_v.weight"} {
		x := got[name]
		if len(x.Counts) != 1 || x.Counts[0] != size*pieces || len(x.Sums) != width {
			t.Fatalf("%s: counts %v, %d sums", name, x.Counts, len(x.Sums))
		}
		for i := range want {
			if math.Abs(x.Sums[i]-want[i]) > 1e-4*want[i] {
				t.Errorf("%s: column %d has %g, want %g", name, i, x.Sums[i], want[i])
			}
		}
	}
	// Seven matrices a layer, each of which has seen every token.
	if len(in.Tensors) != 14 {
		t.Errorf("there are %d tensors", len(in.Tensors))
	}
	for _, x := range in.Tensors {
		if x.Counts[0] != size*pieces {
			t.Errorf("%s has seen %d tokens", x.Name, x.Counts[0])
		}
	}
	whole, err := e.Inputs(t.Context(), prose(), InputsOptions{Context: size, Pieces: 1, Output: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if last := whole.Tensors[len(whole.Tensors)-1]; last.Name != "output.weight" || last.Counts[0] != size {
		t.Errorf("the last tensor is %s with %v", last.Name, last.Counts)
	}
}

// TestInputsOfExperts checks that each token is counted for the experts it was
// sent to, and only for them.
func TestInputsOfExperts(t *testing.T) {
	o := tinymodel.Mistral()
	o.Experts = 4
	e := open(t, tiny(t, o), engine.LoadOptions{})
	in, err := e.Inputs(t.Context(), prose(), InputsOptions{Context: 64, Pieces: 3}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var router, gate, up TensorInputs
	for _, x := range in.Tensors {
		switch x.Name {
		case "blk.0.ffn_gate_inp.weight":
			router = x
		case "blk.0.ffn_gate_exps.weight":
			gate = x
		case "blk.0.ffn_up_exps.weight":
			up = x
		}
	}
	width := len(router.Sums)
	if len(gate.Counts) != 4 || len(gate.Sums) != 4*width || width == 0 {
		t.Fatalf("the experts have %v counts and %d sums", gate.Counts, len(gate.Sums))
	}
	var tokens int64
	for _, n := range gate.Counts {
		tokens += n
	}
	if tokens != 2*64*3 {
		t.Errorf("%d tokens were sent to experts, want two for each of %d", tokens, 64*3)
	}
	// Two experts of four see each token, so together they have seen all twice.
	for i := range width {
		sum := 0.0
		for x := range 4 {
			sum += gate.Sums[x*width+i]
			if gate.Sums[x*width+i] != up.Sums[x*width+i] {
				t.Fatalf("gate and up of expert %d differ in column %d", x, i)
			}
		}
		if want := 2 * router.Sums[i]; math.Abs(sum-want) > 1e-6*want {
			t.Errorf("column %d has %g over all experts, want %g", i, sum, want)
		}
	}
}

// TestPerplexity computes it from logits in the plainest way.
func TestPerplexity(t *testing.T) {
	o := tinymodel.Mistral()
	e := open(t, tiny(t, o), engine.LoadOptions{Context: 64, Batch: 24}) // batches that do not divide a window
	o.Seed = 7
	// From 64 tokens on a batch has another kernel for attention, which rounds differently.
	base := open(t, tiny(t, o), engine.LoadOptions{Context: 64, Batch: 32})
	const size, windows = 64, 4
	told := 0
	got, err := e.Perplexity(t.Context(), prose(), PerplexityOptions{Context: size, Windows: windows}, base, func(p Perplexity, total int) {
		told++
		if p.Windows != told || total != windows || p.Tokens != told*31 || !(p.Perplexity > 1) {
			t.Errorf("%+v of %d", p, total)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if told != windows-1 {
		t.Errorf("%d windows were told of", told)
	}
	list, err := e.windows(prose(), size, windows)
	if err != nil {
		t.Fatal(err)
	}
	var losses, baseLosses, kls []float64
	same := 0
	for _, w := range list {
		mine := logProbabilities(t, e, w)
		theirs := logProbabilities(t, base, w)
		for i := size / 2; i < size-1; i++ {
			losses = append(losses, -mine[i][w[i+1]])
			baseLosses = append(baseLosses, -theirs[i][w[i+1]])
			kl, best, baseBest := 0.0, 0, 0
			for id, lp := range theirs[i] {
				kl += math.Exp(lp) * (lp - mine[i][id])
				if lp > theirs[i][baseBest] {
					baseBest = id
				}
				if mine[i][id] > mine[i][best] {
					best = id
				}
			}
			kls = append(kls, kl)
			if best == baseBest {
				same++
			}
		}
	}
	n := len(losses)
	near := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-4*math.Abs(want) {
			t.Errorf("%s is %g, want %g", what, got, want)
		}
	}
	loss, spread := meanOf(losses)
	near("the perplexity", got.Perplexity, math.Exp(loss))
	near("its error", got.Error, math.Exp(loss)*spread)
	d := got.Divergence
	loss, spread = meanOf(baseLosses)
	near("the base's perplexity", d.BasePerplexity, math.Exp(loss))
	near("its error", d.BaseError, math.Exp(loss)*spread)
	kl, spread := meanOf(kls)
	near("the divergence", d.KL, kl)
	near("its error", d.KLError, spread)
	near("the ratio", d.LogRatio, math.Log(got.Perplexity/d.BasePerplexity))
	if got.Tokens != n || got.Windows != windows || d.SameTop != float64(same)/float64(n) {
		t.Errorf("got %+v, %+v", got, d)
	}
	if !(d.KLMedian > 0 && d.KLMedian <= d.KL99 && d.KL99 <= d.KLMax) {
		t.Errorf("the quantiles are %g, %g, %g", d.KLMedian, d.KL99, d.KLMax)
	}
	self, err := e.Perplexity(t.Context(), prose(), PerplexityOptions{Context: size, Windows: 1}, e, nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := self.Divergence; d.KL > 1e-9 || d.SameTop != 1 || d.LogRatio != 0 || d.RMSDelta != 0 {
		t.Errorf("from itself the model diverges by %+v", d)
	}
}

func logProbabilities(t *testing.T, e *Engine, ids []token) [][]float64 {
	t.Helper()
	rows, _, err := e.Logits(t.Context(), ids[:len(ids)-1])
	if err != nil {
		t.Fatal(err)
	}
	out := make([][]float64, len(rows))
	for i, row := range rows {
		sum := 0.0
		for _, x := range row {
			sum += math.Exp(float64(x))
		}
		for _, x := range row {
			out[i] = append(out[i], float64(x)-math.Log(sum))
		}
	}
	return out
}

// meanOf is the mean of numbers and its standard error.
func meanOf(v []float64) (mean, err float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	sum := 0.0
	for _, x := range v {
		sum += (x - mean) * (x - mean)
	}
	return mean, math.Sqrt(sum / float64(len(v)) / float64(len(v)-1))
}

func TestMeasureRefuses(t *testing.T) {
	e := open(t, tiny(t, tinymodel.Mistral()), engine.LoadOptions{})
	other := open(t, tiny(t, tinymodel.ChatML()), engine.LoadOptions{})
	for _, tt := range []struct {
		name string
		o    PerplexityOptions
		text string
		base *Engine
		want string
	}{
		{"short text", PerplexityOptions{}, "hello", nil, "one context needs 512"},
		{"short context", PerplexityOptions{Context: 8}, prose(), nil, "a context of 8 tokens is too short"},
		{"long context", PerplexityOptions{Context: 4096}, prose(), nil, "4096 tokens and the context holds 2048"},
		{"vocabulary", PerplexityOptions{Context: 64}, prose(), other, "have different vocabularies"},
	} {
		if _, err := e.Perplexity(t.Context(), tt.text, tt.o, tt.base, nil); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	_, err := e.Perplexity(ctx, prose(), PerplexityOptions{Context: 64}, nil, func(Perplexity, int) { cancel(stopped) })
	if !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
	if _, err := e.Inputs(ctx, prose(), InputsOptions{Context: 64}, nil); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
}
