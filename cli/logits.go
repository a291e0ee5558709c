package cli

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/safetensors"
)

// A logitsTask is what another process is told.
type logitsTask struct {
	Model    string           `json:"model"` // path
	Tokens   []int32          `json:"tokens"`
	Pictures []string         `json:"pictures,omitempty"` // data: URLs
	Adapters []engine.Adapter `json:"adapters,omitempty"`
	Eye      string           `json:"projector,omitempty"`
	Threads  int              `json:"threads,omitempty"`
	Out      string           `json:"out"`
}

// logitsDone is what it tells: the shape of each tensor that it wrote.
type logitsDone map[string][]int

func (a *app) logitsCommand() *cobra.Command {
	var (
		t                  logitsTask
		ids, out, eye      string
		pictures, adapters []string
		force              bool
	)
	cmd := &cobra.Command{
		Use:   "logits REF --tokens IDS.json -o OUT.safetensors",
		Short: "Write down what a model makes of tokens, to check it against another engine",
		Long: `Write down what a model makes of tokens, to check it against another engine: logits, a
row for each token; with pictures at the runs of [IMG] also their image_embeds; of an
embedding model the embedding. All of it is computed on the processor, with a context
of float32 and without flash attention.`,
		Example: "bise logits nemo.gguf --tokens ids.json -o logits.safetensors",
		Args:    arguments(cobra.ExactArgs(1), "one model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if ids == "" || out == "" {
				return &fault.Error{Kind: fault.Usage, Msg: "logits wants tokens, and a file to write", Advice: "Give both: --tokens ids.json -o logits.safetensors."}
			}
			if t.Threads < 0 {
				return usageErrorf("--threads must not be negative")
			}
			if err := replaces(force, out); err != nil {
				return err
			}
			text, err := a.attachments().Text(ctx, ids)
			if err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(text), &t.Tokens); err != nil || len(t.Tokens) == 0 {
				return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("%s is no list of tokens", ids), Advice: "It is a list such as [1, 3, 22557, 4]."}
			}
			for _, path := range pictures {
				url, err := imageURL(ctx, path)
				if err != nil {
					return err
				}
				t.Pictures = append(t.Pictures, url)
			}
			for _, s := range adapters {
				adapter, err := parseAdapter(s)
				if err != nil {
					return err
				}
				t.Adapters = append(t.Adapters, adapter)
			}
			if eye != "" {
				if t.Eye, err = filepath.Abs(eye); err != nil {
					return fmt.Errorf("find %s: %w", eye, err)
				}
			}
			return a.logits(ctx, t, args[0], out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&ids, "tokens", "", "read the tokens' numbers from `FILE`, a JSON list; - is standard input")
	f.StringArrayVarP(&pictures, "image", "i", nil, "show the picture `FILE`; may be repeated")
	f.StringArrayVar(&adapters, "adapter", nil, "apply the LoRA adapter `FILE[=SCALE]`; may be repeated")
	f.StringVar(&eye, "projector", "", "see with the projector in `FILE` (default: the one beside the model)")
	f.StringVarP(&out, "output", "o", "", "write to `FILE`, in the format safetensors")
	f.IntVar(&t.Threads, "threads", 0, "compute with `N` threads (default: the physical cores)")
	f.BoolVar(&force, "force", false, "replace the file if it exists")
	return cmd
}

func (a *app) logits(ctx context.Context, t logitsTask, ref, out string) error {
	m, err := a.lib.Find(ref)
	if err != nil {
		return err
	}
	t.Model = m.Path
	line := textLine{}
	line.verb = "loading " + m.Name
	a.progress.wait(line.line)
	var done logitsDone
	err = stage(out, func(path, folder string) error {
		t.Out = path
		return a.perform(ctx, task{Logits: &t, Folder: folder}, "compute with "+ref, &done, line.take)
	})
	if err != nil {
		return err
	}
	a.progress.erase()
	if a.json {
		return writeJSON(a.stdout, struct {
			File    string     `json:"file"`
			Tensors logitsDone `json:"tensors"`
		}{out, done})
	}
	var parts []string
	for _, name := range []string{"logits", "image_embeds", "embedding"} {
		if shape, ok := done[name]; ok {
			dims := make([]int64, len(shape))
			for i, n := range shape {
				dims[i] = int64(n)
			}
			parts = append(parts, fmt.Sprintf("%s (%s)", name, dimensions(dims)))
		}
	}
	a.note("%s has %s.", out, strings.Join(parts, " and "))
	return nil
}

// doLogits is what the other process does.
func doLogits(ctx context.Context, t logitsTask, progress func(any)) (logitsDone, error) {
	off, none := false, 0
	e, err := llama.Open(ctx, t.Model, engine.LoadOptions{
		// Where a token has no room after it, the engine takes no more of them.
		Context: len(t.Tokens) + 1, Slots: 1, Threads: t.Threads, GPULayers: &none, KVType: "f32", FlashAttn: &off,
		Projector: t.Eye, Adapters: t.Adapters,
	}, func(part float64) { progress(readingText{Loading: filepath.Base(t.Model), Part: part}) })
	if err != nil {
		return nil, err
	}
	defer e.Close()
	var list []floatTensor
	if e.Info().Can.Embed {
		if len(t.Pictures) > 0 {
			return nil, &fault.Error{Kind: fault.Unsupported, Msg: "an embedding model does not see pictures"}
		}
		vector, err := e.EmbedTokens(ctx, t.Tokens)
		if err != nil {
			return nil, err
		}
		list = append(list, floatTensor{"embedding", []int{len(vector)}, [][]float32{vector}})
	} else {
		rows, vectors, err := e.Logits(ctx, t.Tokens, t.Pictures...)
		if err != nil {
			return nil, err
		}
		list = append(list, newFloatTensor("logits", rows))
		if len(t.Pictures) > 0 {
			list = append(list, newFloatTensor("image_embeds", vectors))
		}
	}
	done := logitsDone{}
	for _, x := range list {
		done[x.name] = x.shape
	}
	return done, create(t.Out, func(w io.Writer) error { return writeTensors(w, list) })
}

// A floatTensor is a tensor of float32, in rows.
type floatTensor struct {
	name  string
	shape []int
	rows  [][]float32
}

func newFloatTensor(name string, rows [][]float32) floatTensor {
	width := 0
	if len(rows) > 0 {
		width = len(rows[0])
	}
	return floatTensor{name, []int{len(rows), width}, rows}
}

func writeTensors(w io.Writer, list []floatTensor) error {
	tensors := make([]safetensors.Tensor, len(list))
	for i, t := range list {
		shape := make([]int64, len(t.shape))
		for k, n := range t.shape {
			shape[k] = int64(n)
		}
		tensors[i] = safetensors.Tensor{Name: t.name, Type: safetensors.F32, Shape: shape}
	}
	out, err := safetensors.NewWriter(w, nil, tensors)
	if err != nil {
		return err
	}
	for _, t := range list {
		for _, row := range t.rows {
			b := make([]byte, 0, 4*len(row))
			for _, v := range row {
				b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
			}
			if _, err := out.Write(b); err != nil {
				return err
			}
		}
	}
	return out.Close()
}
