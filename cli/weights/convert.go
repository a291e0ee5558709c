package weights

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models/convert"
	"github.com/bise-sh/bise/units"
)

// Convert is the command bise convert.
func Convert(con *console.Console) *cobra.Command {
	var (
		o            convert.Options
		kind, layout string
		force        bool
	)
	cmd := &cobra.Command{
		Use:   "convert DIR -o OUT",
		Short: "Convert published weights to a GGUF file",
		Long: `Convert published weights to a GGUF file: a folder of safetensors with their
configuration and tokenizer, in the layout of Hugging Face or Mistral. The vision
encoder of a model is written to a second file beside it. A folder with a LoRA adapter
becomes an adapter file.`,
		Example: `bise convert Mistral-Nemo-Instruct-2407 -o nemo.bf16.gguf
bise quantize nemo.bf16.gguf nemo.gguf --type Q4_K_M`,
		Args: flags.Args(cobra.ExactArgs(1), "one folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Output == "" {
				return &fault.Error{Kind: fault.Usage, Msg: "convert needs an output file", Advice: "Name it with -o, such as -o model.gguf."}
			}
			var err error
			if o.Type, err = flags.OneOf("type", kind, convert.Stored, convert.F32, convert.F16, convert.BF16, convert.Q8_0); err != nil {
				return err
			}
			if o.Layout, err = flags.OneOf("layout", layout, convert.Auto, convert.HF, convert.Native); err != nil {
				return err
			}
			if err := flags.Replaces(force, o.Output, convert.ProjectorPath(o.Output)); err != nil {
				return err
			}
			return runConvert(cmd.Context(), con, o, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Output, "output", "o", "", "write the model to `FILE`")
	f.StringVar(&kind, "type", "", "store matrices as `TYPE`: f32, f16, bf16 or q8_0 (default: unchanged)")
	f.StringVar(&layout, "layout", "", "read the weights in `LAYOUT`, hf or native (default: detected)")
	f.StringVar(&o.Name, "name", "", "name the model `NAME` (default: the folder's name)")
	f.StringVar(&o.Base, "base", "", "the base model of an adapter: its folder or `FILE`")
	f.BoolVar(&force, "force", false, "replace files that exist")
	return cmd
}

func runConvert(ctx context.Context, con *console.Console, o convert.Options, dir string) error {
	began := time.Now()
	line := console.Counter{Verb: "converting " + filepath.Base(dir)}
	o.Progress = func(done, total int64) { line.Set(done, total, "") }
	work := func() (convert.Result, error) { return convert.Convert(ctx, dir, o) }
	return console.Run(con, line.Line, work, func(r convert.Result) any {
		return struct {
			Files         []string `json:"files"`
			Bytes         int64    `json:"bytes"`
			Architecture  string   `json:"architecture"`
			Type          string   `json:"type"`
			Layout        string   `json:"layout"`
			Tokenizer     string   `json:"tokenizer,omitempty"`
			PromptVersion string   `json:"prompt_version,omitempty"`
			Notes         []string `json:"notes"`
			Warnings      []string `json:"warnings"`
			Seconds       float64  `json:"seconds"`
		}{
			r.Files, r.Bytes, r.Architecture, string(r.Type), string(r.Layout), r.Tokenizer, r.PromptVersion,
			append([]string{}, r.Notes...), append([]string{}, r.Warnings...), time.Since(began).Seconds(),
		}
	}, func(r convert.Result) {
		for _, s := range slices.Concat(r.Notes, r.Warnings) {
			con.Notef("%s", fault.Sentence(s))
		}
		what := []string{r.Architecture, string(r.Type)}
		if r.PromptVersion != "" {
			what = append(what, "prompt version "+r.PromptVersion)
		}
		con.Notef("%s: %s, %s (%s).", strings.Join(r.Files, ", "), strings.Join(what, ", "), units.Size(r.Bytes), units.Duration(time.Since(began)))
	})
}
