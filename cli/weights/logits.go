package weights

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/cli/input"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/safetensors"
)

// A logitsTask is the task of another process.
type logitsTask struct {
	Model     string           `json:"model"` // path
	Tokens    []int32          `json:"tokens"`
	Pictures  []string         `json:"pictures,omitempty"` // data: URLs
	Adapters  []engine.Adapter `json:"adapters,omitempty"`
	Projector string           `json:"projector,omitempty"`
	Threads   int              `json:"threads,omitempty"`
	Out       string           `json:"out"`
}

// logitsDone is its result: the shape of each tensor that it wrote.
type logitsDone map[string][]int

// Logits is the command bise logits.
func Logits(con *console.Console, lib *library.Library) *cobra.Command {
	var (
		t                   logitsTask
		ids, out, projector string
		pictures, adapters  []string
		force               bool
	)
	cmd := &cobra.Command{
		Use:   "logits REF --tokens IDS.json -o OUT.safetensors",
		Short: "Write a model's logits, to compare it with another engine",
		Long: `Write a model's logits, one row for each token, to compare it with another engine. With
images at the runs of [IMG], also their image_embeds. For an embedding model, the
embedding. Everything is computed on the CPU, with a context of float32 and without
flash attention.`,
		Example: "bise logits nemo.gguf --tokens ids.json -o logits.safetensors",
		Args:    flags.Args(cobra.ExactArgs(1), "one model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if ids == "" || out == "" {
				return &fault.Error{Kind: fault.Usage, Msg: "logits needs tokens and an output file", Advice: "Give both: --tokens ids.json -o logits.safetensors."}
			}
			if t.Threads < 0 {
				return fault.Errorf(fault.Usage, "--threads must not be negative")
			}
			if err := flags.Replaces(force, out); err != nil {
				return err
			}
			text, err := input.New(con).Text(ctx, ids)
			if err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(text), &t.Tokens); err != nil || len(t.Tokens) == 0 {
				return &fault.Error{Kind: fault.Usage, Msg: fmt.Sprintf("invalid tokens in %s: want a JSON list of numbers", ids), Advice: "Example: [1, 3, 22557, 4]."}
			}
			for _, path := range pictures {
				url, err := input.ImageURL(ctx, path)
				if err != nil {
					return err
				}
				t.Pictures = append(t.Pictures, url)
			}
			for _, s := range adapters {
				adapter, err := flags.ParseAdapter(s)
				if err != nil {
					return err
				}
				t.Adapters = append(t.Adapters, adapter)
			}
			if projector != "" {
				if t.Projector, err = filepath.Abs(projector); err != nil {
					return fmt.Errorf("find %s: %w", projector, err)
				}
			}
			return runLogits(ctx, con, lib, t, args[0], out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&ids, "tokens", "", "read the token IDs from `FILE`, a JSON list; - is standard input")
	f.StringArrayVarP(&pictures, "image", "i", nil, "add the image `FILE`; can be repeated")
	f.StringArrayVar(&adapters, "adapter", nil, "apply the LoRA adapter `FILE[=SCALE]`; can be repeated")
	f.StringVar(&projector, "projector", "", "use the vision projector in `FILE` (default: the one beside the model)")
	f.StringVarP(&out, "output", "o", "", "write to `FILE`, in safetensors format")
	f.IntVar(&t.Threads, "threads", 0, "compute with `N` threads (default: the physical cores)")
	f.BoolVar(&force, "force", false, "replace the file if it exists")
	return cmd
}

func runLogits(ctx context.Context, con *console.Console, lib *library.Library, t logitsTask, ref, out string) error {
	m, err := lib.Find(ref)
	if err != nil {
		return err
	}
	t.Model = m.Path
	line := console.Counter{Verb: "loading " + m.Name}
	work := func() (done logitsDone, err error) {
		err = stage(out, func(path, folder string) error {
			t.Out = path
			return performTask(ctx, task{Logits: &t, Folder: folder}, "compute with "+ref, &done, textProgress(&line))
		})
		return done, err
	}
	return console.Run(con, line.Line, work, func(done logitsDone) any {
		return struct {
			File    string     `json:"file"`
			Tensors logitsDone `json:"tensors"`
		}{out, done}
	}, func(done logitsDone) {
		var parts []string
		for _, name := range []string{"logits", "image_embeds", "embedding"} {
			if shape, ok := done[name]; ok {
				var dims []string
				for _, n := range shape {
					dims = append(dims, strconv.Itoa(n))
				}
				parts = append(parts, fmt.Sprintf("%s (%s)", name, strings.Join(dims, " × ")))
			}
		}
		con.Notef("%s has %s.", out, strings.Join(parts, " and "))
	})
}

// doLogits is the work of the other process.
func doLogits(ctx context.Context, t logitsTask, progress func(any)) (logitsDone, error) {
	off, none := false, 0
	e, err := llama.Open(ctx, t.Model, engine.LoadOptions{
		// Where a token has no room after it, the engine takes no more of them.
		Context: len(t.Tokens) + 1, Slots: 1, Threads: t.Threads, GPULayers: &none, KVType: "f32", FlashAttn: &off,
		Projector: t.Projector, Adapters: t.Adapters,
	}, func(part float64) { progress(readingText{Loading: filepath.Base(t.Model), Part: part}) })
	if err != nil {
		return nil, err
	}
	defer e.Close()
	var list []floatTensor
	if e.Info().Can.Embed {
		if len(t.Pictures) > 0 {
			return nil, &fault.Error{Kind: fault.Unsupported, Msg: "an embedding model cannot use images"}
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
