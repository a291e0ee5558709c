package flags

import (
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/library"
)

// Sampling are the flags that say how tokens are chosen.
type Sampling struct {
	temperature, topP, minP float64
	topK, maxTokens, n      int
	seed                    int64
	stop                    []string
	cmd                     *cobra.Command
}

// Add adds the flags to a command.
func (s *Sampling) Add(cmd *cobra.Command) {
	s.cmd = cmd
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.SortFlags = false
	f.IntVar(&s.maxTokens, "max-tokens", 0, "write at most `N` tokens")
	f.Float64Var(&s.temperature, "temperature", 0, "sampling temperature `T`: 0 always takes the likeliest token")
	f.Float64Var(&s.topP, "top-p", 0, "sample from the likeliest tokens with a total probability of `P`")
	f.IntVar(&s.topK, "top-k", 0, "sample from the `K` likeliest tokens")
	f.Float64Var(&s.minP, "min-p", 0, "sample from tokens at least `P` times as likely as the likeliest")
	f.Int64Var(&s.seed, "seed", 0, "use the random seed `N`, for repeatable answers")
	f.StringArrayVar(&s.stop, "stop", nil, "stop before `TEXT`; can be repeated")
	addSection("Writing the answer", f, cmd)
}

// AddChoices adds the flag for several answers.
func (s *Sampling) AddChoices(cmd *cobra.Command) {
	cmd.Flags().IntVar(&s.n, "n", 1, "give `N` answers")
}

// Options are the flags and, where those are not given, config.toml.
func (s *Sampling) Options(c config.Sampling) (engine.Sampling, error) {
	return s.Over(library.Sampling(c))
}

// Over are the flags and, where those are not given, other settings.
func (s *Sampling) Over(r engine.Sampling) (engine.Sampling, error) {
	if err := AtLeastOne(s.cmd, "max-tokens", s.maxTokens); err != nil {
		return r, err
	}
	f := s.cmd.Flags()
	if f.Changed("stop") {
		r.Stop = s.stop
	}
	set(f.Changed("temperature"), &r.Temperature, &s.temperature)
	set(f.Changed("top-p"), &r.TopP, &s.topP)
	set(f.Changed("top-k"), &r.TopK, &s.topK)
	set(f.Changed("min-p"), &r.MinP, &s.minP)
	set(f.Changed("seed"), &r.Seed, &s.seed)
	set(f.Changed("max-tokens"), &r.MaxTokens, &s.maxTokens)
	if s.n != 0 && s.n != 1 {
		r.N = s.n
	}
	return r, r.Check()
}

func set[T any](changed bool, to **T, value *T) {
	if changed {
		*to = value
	}
}

// TemperatureSet reports whether --temperature is given.
func (s *Sampling) TemperatureSet() bool { return s.cmd.Flags().Changed("temperature") }
