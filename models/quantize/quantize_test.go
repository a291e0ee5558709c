package quantize

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// tiny writes a small model, in a folder of its own.
func tiny(t *testing.T, o tinymodel.Options) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "in.gguf")
	if err := tinymodel.Write(path, o); err != nil {
		t.Fatal(err)
	}
	return path
}

// copies is a worker that copies the file, as a type COPY does.
func copies(_ context.Context, j Job, begun func(int)) (Done, error) {
	data, err := os.ReadFile(j.In)
	if err != nil {
		return Done{}, err
	}
	begun(1)
	begun(2)
	return Done{Fallbacks: 3}, os.WriteFile(j.Out, data, 0o600)
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range list {
		names = append(names, f.Name())
	}
	return names
}

func TestRun(t *testing.T) {
	in := tiny(t, tinymodel.Mistral())
	dir := filepath.Dir(in)
	o := Options{In: in, Out: filepath.Join(dir, "out.gguf"), Type: typeNamed(t, "q8_0"), Threads: 3}
	var steps []Progress
	var job Job
	r, err := Run(t.Context(), o, func(ctx context.Context, j Job, begun func(int)) (Done, error) {
		job = j
		return copies(ctx, j, begun)
	}, func(p Progress) { steps = append(steps, p) })
	if err != nil {
		t.Fatal(err)
	}
	if job.In != in || job.Type != 7 || job.Threads != 3 || filepath.Dir(job.Out) == dir || filepath.Base(job.Out) != "out.gguf" {
		t.Errorf("the worker was told %+v", job)
	}
	if !slices.Equal(r.Files, []string{o.Out}) || r.Fallbacks != 3 || r.Before != r.After || r.Before == 0 {
		t.Errorf("the result is %+v", r)
	}
	if len(steps) != 2 || steps[0].Done != 0 || steps[1].Done <= 0 || steps[1].Total <= steps[1].Done || steps[0].Tensor != "output.weight" {
		t.Errorf("the progress was %+v", steps)
	}
	if got := files(t, dir); !slices.Equal(got, []string{"in.gguf", "out.gguf"}) {
		t.Errorf("the folder has %q", got)
	}
}

// TestRunLeavesNothing lets workers fail in every way they can.
func TestRunLeavesNothing(t *testing.T) {
	in := tiny(t, tinymodel.Mistral())
	dir := filepath.Dir(in)
	out := filepath.Join(dir, "out.gguf")
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	for _, tt := range []struct {
		name string
		ctx  context.Context
		work Worker
		want string
	}{
		{"error", t.Context(), func(_ context.Context, j Job, _ func(int)) (Done, error) {
			return Done{}, errors.Join(os.WriteFile(j.Out, []byte("half"), 0o600), errors.New("it broke"))
		}, "it broke"},
		{"cut", t.Context(), func(ctx context.Context, j Job, begun func(int)) (Done, error) {
			d, err := copies(ctx, j, begun)
			return d, errors.Join(err, os.Truncate(j.Out, 100_000))
		}, "llama.cpp wrote an incomplete file: read "},
		{"nothing", t.Context(), func(context.Context, Job, func(int)) (Done, error) { return Done{}, nil }, "llama.cpp wrote an incomplete file"},
		{"cancelled", ctx, func(ctx context.Context, j Job, begun func(int)) (Done, error) {
			cancel(stopped)
			return copies(ctx, j, begun)
		}, "stopped"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Run(tt.ctx, Options{In: in, Out: out, Type: typeNamed(t, "Q8_0")}, tt.work, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v", err)
			}
			if got := files(t, dir); !slices.Equal(got, []string{"in.gguf"}) {
				t.Errorf("the folder has %q", got)
			}
		})
	}
}

func TestRunNeedsRoom(t *testing.T) {
	in := tiny(t, tinymodel.Mistral())
	o := Options{In: in, Out: filepath.Join(filepath.Dir(in), "out.gguf"), Type: typeNamed(t, "Q8_0")}
	left := int64(1000)
	before := free
	free = func(string) (int64, bool) { return left, true }
	t.Cleanup(func() { free = before })
	asked := false
	_, err := Run(t.Context(), o, func(context.Context, Job, func(int)) (Done, error) { asked = true; return Done{}, nil }, nil)
	if err == nil || asked || !strings.HasPrefix(err.Error(), "cannot write "+o.Out+": it needs ") || !strings.HasSuffix(err.Error(), " MB and 0.0 MB are free") {
		t.Errorf("got %v, and the worker was asked: %v", err, asked)
	}
	left = 1 << 40
	_, err = Run(t.Context(), o, func(context.Context, Job, func(int)) (Done, error) {
		left = 0
		return Done{}, errors.New("basic_ios::clear: iostream error")
	}, nil)
	if err == nil || err.Error() != "cannot write "+o.Out+": the disk is full" {
		t.Errorf("got %v", err)
	}
}

func TestRunRefuses(t *testing.T) {
	in := tiny(t, tinymodel.Options{Width: 256, FFN: 256})
	dir := filepath.Dir(in)
	narrow := tiny(t, tinymodel.Mistral())
	packed := tiny(t, tinymodel.Options{Weights: gguf.Q8_0})
	adapter := tiny(t, tinymodel.Options{Edit: func(m *gguf.Metadata) { m.Set("general.type", gguf.Of("adapter")) }})
	apart := tiny(t, tinymodel.Options{Edit: func(m *gguf.Metadata) { m.Set("general.alignment", gguf.Of(uint32(64))) }})
	link := filepath.Join(dir, "link.gguf")
	if err := os.Symlink(in, link); err != nil {
		t.Skip("no links here: ", err)
	}
	foreign := filepath.Join(dir, "foreign.gguf")
	writeMatrix(t, foreign, &Matrix{Entries: map[string]Entry{"blk.0.attn_q.weight": {[]float32{1, 2}, []float32{1}}}})
	poor := filepath.Join(dir, "poor.gguf")
	writeMatrix(t, poor, &Matrix{Entries: map[string]Entry{"blk.0.attn_q.weight": {make([]float32, 256), []float32{1}}}})
	out := filepath.Join(dir, "out.gguf")
	q4k := gguf.Q4_K
	for _, tt := range []struct {
		name string
		o    Options
		kind string
		want string
	}{
		{"no file", Options{In: filepath.Join(dir, "no"), Out: out}, "Q8_0", "there is no file"},
		{"no model", Options{In: foreign, Out: out}, "Q8_0", "does not say what architecture"},
		{"itself", Options{In: in, Out: in}, "Q8_0", "cannot be quantized into itself"},
		{"itself by a link", Options{In: in, Out: link}, "Q8_0", "cannot be quantized into itself"},
		{"adapter", Options{In: adapter, Out: out}, "Q8_0", "is an adapter"},
		{"alignment", Options{In: apart, Out: out}, "Q8_0", "its alignment is 64 bytes"},
		{"quantized already", Options{In: packed, Out: out}, "Q4_0", "is quantized already: token_embd.weight is Q8_0"},
		{"no matrix", Options{In: in, Out: out}, "IQ2_XS", "IQ2_XS needs an importance matrix"},
		{"matrix of another model", Options{In: in, Out: out, Matrix: foreign}, "Q4_K_M", "it has 2 columns of blk.0.attn_q.weight, which has 256"},
		{"matrix that lacks much", Options{In: in, Out: out, Matrix: poor}, "IQ2_XXS", "lacks blk.0.attn_k.weight, and IQ2_XXS needs it"},
		{"matrix that is not there", Options{In: in, Out: out, Matrix: filepath.Join(dir, "no")}, "Q4_K_M", "there is no importance matrix"},
		{"matrix that is a model", Options{In: in, Out: out, Matrix: narrow}, "Q4_K_M", "is not an importance matrix"},
		{"narrow rows, pure", Options{In: narrow, Out: out, Pure: true}, "Q4_K_M", "has rows of 64 numbers, and blocks of Q4_K have 256"},
		{"narrow rows, output", Options{In: narrow, Out: out, Output: &q4k}, "Q8_0", "has rows of 64 numbers"},
		{"pattern of nothing", Options{In: in, Out: out, Tensors: []Override{overrideOf(t, "attn_w=q8_0")}}, "Q4_K_M", "no quantized tensor matches attn_w"},
		{"pattern with pure", Options{In: in, Out: out, Pure: true, Tensors: []Override{overrideOf(t, "attn_v=q8_0")}}, "Q4_K_M", "cannot set the types of single tensors"},
		{"no folder", Options{In: in, Out: filepath.Join(dir, "no", "out.gguf")}, "Q8_0", "there is no folder"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Type = typeNamed(t, tt.kind)
			_, err := Run(t.Context(), tt.o, func(context.Context, Job, func(int)) (Done, error) {
				t.Error("the worker was asked")
				return Done{}, nil
			}, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) || fault.KindOf(err) == "" {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestParts writes a model of two parts to as many.
func TestParts(t *testing.T) {
	whole := tiny(t, tinymodel.Mistral())
	dir := t.TempDir()
	split(t, whole, filepath.Join(dir, "in"))
	o := Options{In: filepath.Join(dir, "in-00001-of-00002.gguf"), Out: filepath.Join(dir, "out.gguf"), Type: typeNamed(t, "COPY"), KeepSplit: true}
	want := []string{filepath.Join(dir, "out-00001-of-00002.gguf"), filepath.Join(dir, "out-00002-of-00002.gguf")}
	if got, err := o.Outputs(); err != nil || !slices.Equal(got, want) {
		t.Errorf("the outputs are %q, %v", got, err)
	}
	r, err := Run(t.Context(), o, func(_ context.Context, j Job, _ func(int)) (Done, error) {
		for i := range 2 {
			data, err := os.ReadFile(partPath(filepath.Join(dir, "in"), i, 2))
			if err != nil {
				return Done{}, err
			}
			if err := os.WriteFile(partPath(j.Out, i, 2), data, 0o600); err != nil {
				return Done{}, err
			}
		}
		return Done{}, nil
	}, nil)
	if err != nil || !slices.Equal(r.Files, want) {
		t.Errorf("got %+v, %v", r, err)
	}
	if _, err := gguf.Read(want[1]); err != nil {
		t.Error(err)
	}
	o.Out = o.In
	if _, err := Run(t.Context(), o, copies, nil); err == nil || !strings.Contains(err.Error(), "into itself") {
		t.Errorf("got %v", err)
	}
}

// split writes a model in two parts.
func split(t *testing.T, path, prefix string) {
	t.Helper()
	file, err := gguf.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	half := len(file.Tensors) / 2
	for i, tensors := range [][]gguf.Tensor{file.Tensors[:half], file.Tensors[half:]} {
		var meta gguf.Metadata
		if i == 0 {
			meta = file.Metadata.Clone()
		}
		meta.Set("split.no", gguf.Of(uint16(i)))
		meta.Set("split.count", gguf.Of(uint16(2)))
		meta.Set("split.tensors.count", gguf.Of(int32(len(file.Tensors))))
		var b bytes.Buffer
		w, err := gguf.NewWriter(&b, &meta, tensors)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range tensors {
			part, err := w.Tensor(x.Name)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := part.Write(data[x.Offset : x.Offset+x.Size()]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(partPath(prefix, i, 2), b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func typeNamed(t *testing.T, name string) Type {
	t.Helper()
	kind, err := ParseType(name)
	if err != nil {
		t.Fatal(err)
	}
	return kind
}

func overrideOf(t *testing.T, s string) Override {
	t.Helper()
	o, err := ParseOverride(s)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestParse(t *testing.T) {
	for _, kind := range Types() {
		if got := typeNamed(t, strings.ToLower(kind.Name)); got != kind {
			t.Errorf("%s is read as %+v", kind.Name, got)
		}
		if file, ok := gguf.ParseFileType(kind.Name); !kind.Copy && (!ok || file != kind.File) {
			t.Errorf("%s has the number %d and not %d", kind.Name, kind.File, file)
		}
	}
	if got := typeNamed(t, "q4_k"); got.Name != "Q4_K_M" {
		t.Errorf("q4_k is %s", got.Name)
	}
	for _, tt := range []struct{ text, advice string }{
		{"Q4_KM", "Did you mean Q4_K_M?"}, {"", "There are IQ1_S, "}, {"Q9", "There are IQ1_S"},
	} {
		_, err := ParseType(tt.text)
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Kind != fault.Invalid || !strings.Contains(e.Advice, tt.advice) {
			t.Errorf("%q: %v", tt.text, err)
		}
	}
	if o := overrideOf(t, `a=b\.weight=Q6_k`); o.Pattern != `a=b\.weight` || o.Type != gguf.Q6_K {
		t.Errorf("got %+v", o)
	}
	for _, s := range []string{"", "attn_v", "=q8_0", "attn_v=", "attn_v=q8_1", "attn_v=Q4_K_M", "(=q8_0"} {
		if _, err := ParseOverride(s); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// TestJobCrosses sends a job as it goes to another process.
func TestJobCrosses(t *testing.T) {
	q6, bf16 := gguf.Q6_K, gguf.BF16
	want := Job{In: "in", Out: "out", Type: 15, Pure: true, Output: &q6, Embedding: &bf16, Tensors: []Override{{Pattern: "x", Type: gguf.Q8_0}}, Matrix: "m", Threads: 2}
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Job
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if *got.Output != q6 || *got.Embedding != bf16 || len(got.Tensors) != 1 || got.Tensors[0].Pattern != "x" || got.Tensors[0].Type != gguf.Q8_0 || !got.Pure || got.Type != 15 {
		t.Errorf("got %+v from %s", got, data)
	}
}
