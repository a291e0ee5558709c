package weights

import (
	"context"
	"fmt"
	"math"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/units"
)

// A perplexityTask is the task of another process; its result is a
// llama.Perplexity.
type perplexityTask struct {
	textReader
	Base string `json:"base,omitempty"` // path of the model to compare with
}

// Perplexity is the command bise perplexity.
func Perplexity(con *console.Console, lib *library.Library) *cobra.Command {
	var (
		v    textFlags
		base string
	)
	cmd := &cobra.Command{
		Use:   "perplexity REF --text FILE",
		Short: "Measure how well a model predicts a text",
		Long: `Measure how well a model predicts a text: its perplexity, as llama.cpp computes it
(over the second half of each chunk). With --base, also how far its probabilities are
from those of another model, such as the one it was quantized from.`,
		Example: "bise perplexity nemo.gguf --text wiki.txt --base nemo.bf16.gguf",
		Args:    flags.Args(cobra.ExactArgs(1), "one model"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := v.reader(cmd.Context(), con, lib, args[0])
			if err != nil {
				return err
			}
			t := perplexityTask{textReader: r}
			if base != "" {
				m, err := lib.Find(base)
				if err != nil {
					return err
				}
				t.Base = m.Path
			}
			return runPerplexity(cmd.Context(), con, t, args[0])
		},
	}
	v.add(cmd)
	cmd.Flags().StringVar(&base, "base", "", "compare with the model `REF`")
	return cmd
}

func runPerplexity(ctx context.Context, con *console.Console, t perplexityTask, ref string) error {
	line := console.Counter{Verb: "loading " + filepath.Base(t.Model), Unit: "chunk"}
	con.Wait(line.Line)
	var p llama.Perplexity
	if err := performTask(ctx, task{Perplexity: &t}, "measure "+ref, &p, textProgress(&line)); err != nil {
		return err
	}
	con.Erase()
	if con.JSON {
		return con.WriteJSON(p)
	}
	tab := &console.Table{}
	tab.Add("perplexity", plusMinus(p.Perplexity, p.Error))
	if d := p.Divergence; d != nil {
		tab.Add("of the base", plusMinus(d.BasePerplexity, d.BaseError))
		tab.Add("ratio", plusMinus(math.Exp(d.LogRatio), math.Exp(d.LogRatio)*d.LogRatioError))
		tab.Add("divergence", plusMinus(d.KL, d.KLError)+fmt.Sprintf(" nats a token; median %.4g, 99%% below %.4g, at most %.4g", d.KLMedian, d.KL99, d.KLMax))
		tab.Add("same first", fmt.Sprintf("%.2f ± %.2f %% of tokens", 100*d.SameTop, 100*d.SameTopError))
		tab.Add("probability", fmt.Sprintf("differs by %.2f points (root mean square)", 100*d.RMSDelta))
	}
	if err := con.Print(tab); err != nil {
		return err
	}
	con.Notef("%s in %s of %d.", units.Plural(p.Tokens, "token"), units.Plural(p.Windows, "chunk"), p.Context)
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

// doPerplexity is the work of the other process.
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
