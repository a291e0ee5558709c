package cli

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/library"
)

// loadFlags are the flags that say how a model is put into memory.
type loadFlags struct {
	context, threads, gpuLayers int
	kvType, projector           string
	adapters                    []string
	cmd                         *cobra.Command
}

func (l *loadFlags) add(cmd *cobra.Command) {
	l.cmd = cmd
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.SortFlags = false
	f.IntVar(&l.context, "context", 0, "at most `N` tokens of context")
	f.IntVar(&l.threads, "threads", 0, "compute with `N` threads (default: the physical cores)")
	f.IntVar(&l.gpuLayers, "gpu-layers", 0, "put `N` layers on the GPU (default: as many as fit)")
	f.StringVar(&l.kvType, "kv-type", "", "hold the context as `TYPE`: f32, f16, bf16, q8_0 or q4_0 (default: f16)")
	f.StringVar(&l.projector, "projector", "", "see with the projector in `FILE` (default: the one beside the model)")
	f.StringArrayVar(&l.adapters, "adapter", nil, "apply the LoRA adapter `FILE[=SCALE]`; may be repeated")
	under("How the model is loaded", f, cmd)
}

// options are those of the flags and, where they say nothing, of config.toml.
func (l *loadFlags) options(c config.Config) (engine.LoadOptions, error) {
	o := library.LoadOptions(c)
	f := l.cmd.Flags()
	if f.Changed("context") {
		o.Context = l.context
	}
	if f.Changed("threads") {
		o.Threads = l.threads
	}
	if f.Changed("gpu-layers") {
		o.GPULayers = &l.gpuLayers
	}
	if f.Changed("kv-type") {
		if !slices.Contains(config.KVTypes, l.kvType) {
			return o, usageErrorf("--kv-type cannot be %q: it is one of %s", l.kvType, strings.Join(config.KVTypes, ", "))
		}
		o.KVType = l.kvType
	}
	if o.Context < 0 || o.Threads < 0 {
		return o, usageErrorf("--context and --threads must not be negative")
	}
	// A worker does not run where the person is: its paths are absolute.
	if l.projector != "" {
		path, err := filepath.Abs(l.projector)
		if err != nil {
			return o, fmt.Errorf("find %s: %w", l.projector, err)
		}
		o.Projector = path
	}
	for _, s := range l.adapters {
		adapter, err := parseAdapter(s)
		if err != nil {
			return o, err
		}
		o.Adapters = append(o.Adapters, adapter)
	}
	return o, nil
}

// parseAdapter reads FILE or FILE=SCALE. What follows an equals sign and is no
// number belongs to the file's name.
func parseAdapter(s string) (engine.Adapter, error) {
	a := engine.Adapter{Path: s, Scale: 1}
	if i := strings.LastIndexByte(s, '='); i > 0 {
		if scale, err := strconv.ParseFloat(s[i+1:], 32); err == nil {
			a.Path, a.Scale = s[:i], float32(scale)
		}
	}
	if math.IsNaN(float64(a.Scale)) || math.IsInf(float64(a.Scale), 0) {
		return a, usageErrorf("--adapter cannot be %q: its scale is no number", s)
	}
	path, err := filepath.Abs(a.Path)
	if err != nil {
		return a, fmt.Errorf("find %s: %w", a.Path, err)
	}
	a.Path = path
	return a, nil
}
