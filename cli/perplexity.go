package cli

import (
	"context"
	"fmt"
	"math"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/engine/llama"
)

// A perplexityTask is what another process is told; its result is a
// llama.Perplexity.
type perplexityTask struct {
	textReader
	Base string `json:"base,omitempty"` // path of the model to compare with
}

func (a *app) perplexityCommand() *cobra.Command {
	var (
		v    textFlags
		base string
	)
	cmd := &cobra.Command{
		Use:   "perplexity REF --text FILE",
		Short: "Measure how well a model predicts a text",
		Long: `Measure how well a model predicts a text: its perplexity, as llama.cpp counts it (the
second half of each window). With --base, also how far its probabilities are from
those of another model, such as the one it was quantized from.`,
		Example: "bise perplexity nemo.gguf --text wiki.txt --base nemo.bf16.gguf",
		Args:    arguments(cobra.ExactArgs(1), "one model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := v.reader(cmd.Context(), a, args[0])
			if err != nil {
				return err
			}
			t := perplexityTask{textReader: r}
			if base != "" {
				m, err := a.lib.Find(base)
				if err != nil {
					return err
				}
				t.Base = m.Path
			}
			return a.perplexity(cmd.Context(), t, args[0])
		},
	}
	v.add(cmd)
	cmd.Flags().StringVar(&base, "base", "", "compare with the model `REF`")
	return cmd
}

func (a *app) perplexity(ctx context.Context, t perplexityTask, ref string) error {
	line := textLine{unit: "window"}
	line.verb = "loading " + filepath.Base(t.Model)
	a.progress.wait(line.line)
	var p llama.Perplexity
	if err := a.perform(ctx, task{Perplexity: &t}, "measure "+ref, &p, line.take); err != nil {
		return err
	}
	a.progress.erase()
	if a.json {
		return writeJSON(a.stdout, p)
	}
	tab := &table{}
	tab.add("perplexity", plusMinus(p.Perplexity, p.Error))
	if d := p.Divergence; d != nil {
		tab.add("of the base", plusMinus(d.BasePerplexity, d.BaseError))
		tab.add("ratio", plusMinus(math.Exp(d.LogRatio), math.Exp(d.LogRatio)*d.LogRatioError))
		tab.add("divergence", plusMinus(d.KL, d.KLError)+fmt.Sprintf(" nats a token; median %.4g, 99%% below %.4g, at most %.4g", d.KLMedian, d.KL99, d.KLMax))
		tab.add("same first", fmt.Sprintf("%.2f ± %.2f %% of tokens", 100*d.SameTop, 100*d.SameTopError))
		tab.add("probability", fmt.Sprintf("differs by %.2f points (root mean square)", 100*d.RMSDelta))
	}
	if err := a.print(tab); err != nil {
		return err
	}
	a.note("%s in %s of %d.", plural(p.Tokens, "token"), plural(p.Windows, "window"), p.Context)
	return nil
}

// plusMinus is a number with its error, to as many digits as mean something but
// two behind the point at least.
func plusMinus(x, err float64) string {
	digits := 4
	if err > 0 {
		digits = min(8, max(2, 1-int(math.Floor(math.Log10(err)))))
	}
	return fmt.Sprintf("%.*f ± %.*f", digits, x, digits, err)
}

// doPerplexity is what the other process does.
func doPerplexity(ctx context.Context, t perplexityTask, progress func(any)) (llama.Perplexity, error) {
	e, err := t.load(ctx, t.Model, progress)
	if err != nil {
		return llama.Perplexity{}, err
	}
	defer e.Close()
	var base *llama.Engine
	if t.Base != "" {
		if base, err = t.load(ctx, t.Base, progress); err != nil {
			return llama.Perplexity{}, err
		}
		defer base.Close()
	}
	o := llama.PerplexityOptions{Context: t.Context, Windows: t.Limit}
	return e.Perplexity(ctx, t.Text, o, base, func(p llama.Perplexity, windows int) {
		progress(readingText{Done: p.Windows, Total: windows, Note: fmt.Sprintf("%.3f so far", p.Perplexity)})
	})
}
