package cli

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models/convert"
)

func (a *app) convertCommand() *cobra.Command {
	var (
		o            convert.Options
		kind, layout string
		force        bool
	)
	cmd := &cobra.Command{
		Use:   "convert DIR -o OUT",
		Short: "Make a model file of published weights",
		Long: `Make a GGUF file of weights as they are published: a folder of safetensors with their
configuration and tokenizer, in the layout of Hugging Face or in Mistral's own. The
vision tower of a model that sees goes into a second file beside it. A folder with a
LoRA adapter becomes an adapter file.`,
		Example: `bise convert Mistral-Nemo-Instruct-2407 -o nemo.bf16.gguf
bise quantize nemo.bf16.gguf nemo.gguf --type Q4_K_M`,
		Args: arguments(cobra.ExactArgs(1), "one folder"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if o.Output == "" {
				return &fault.Error{Kind: fault.Usage, Msg: "convert wants a file to write", Advice: "Name it with -o, such as -o model.gguf."}
			}
			var err error
			if o.Type, err = oneOf("type", kind, convert.Stored, convert.F32, convert.F16, convert.BF16, convert.Q8_0); err != nil {
				return err
			}
			if o.Layout, err = oneOf("layout", layout, convert.Auto, convert.HF, convert.Native); err != nil {
				return err
			}
			if err := replaces(force, o.Output, convert.ProjectorPath(o.Output)); err != nil {
				return err
			}
			return a.convert(cmd.Context(), o, args[0])
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Output, "output", "o", "", "write the model to `FILE`")
	f.StringVar(&kind, "type", "", "store matrices as `TYPE`: f32, f16, bf16 or q8_0 (default: as they are)")
	f.StringVar(&layout, "layout", "", "read the weights in `LAYOUT`, hf or native (default: the one that is there)")
	f.StringVar(&o.Name, "name", "", "call the model `NAME` (default: as the folder)")
	f.StringVar(&o.Base, "base", "", "the model that an adapter is for: its folder or `FILE`")
	f.BoolVar(&force, "force", false, "replace files that exist")
	return cmd
}

// oneOf is the value of a flag that has only some; its case does not matter. The
// first of them, which is empty, is not listed.
func oneOf[T ~string](flag, value string, known ...T) (T, error) {
	v := T(strings.ToLower(value))
	if slices.Contains(known, v) {
		return v, nil
	}
	var names []string
	for _, k := range known[1:] {
		names = append(names, string(k))
	}
	return "", usageErrorf("--%s cannot be %q: it is one of %s", flag, value, strings.Join(names, ", "))
}

func (a *app) convert(ctx context.Context, o convert.Options, dir string) error {
	began := time.Now()
	line := amount{verb: "converting " + filepath.Base(dir)}
	a.progress.wait(line.line)
	o.Progress = func(done, total int64) { line.set(done, total, "") }
	r, err := convert.Convert(ctx, dir, o)
	if err != nil {
		return err
	}
	a.progress.erase()
	took := time.Since(began)
	if a.json {
		return writeJSON(a.stdout, struct {
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
			append([]string{}, r.Notes...), append([]string{}, r.Warnings...), took.Seconds(),
		})
	}
	for _, s := range slices.Concat(r.Notes, r.Warnings) {
		a.note("%s", fault.Sentence(s))
	}
	what := []string{r.Architecture, string(r.Type)}
	if r.PromptVersion != "" {
		what = append(what, "prompts of version "+r.PromptVersion)
	}
	a.note("%s: %s, %s (%s).", strings.Join(r.Files, ", "), strings.Join(what, ", "), size(r.Bytes), long(took))
	return nil
}
