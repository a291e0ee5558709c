package flags

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
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
)

// Load are the flags that say how a model is loaded.
type Load struct {
	Projector string

	context, threads, gpuLayers int
	kvType                      string
	adapters                    []string
	cmd                         *cobra.Command
}

// Add adds the flags to a command.
func (l *Load) Add(cmd *cobra.Command) {
	l.cmd = cmd
	f := pflag.NewFlagSet("", pflag.ContinueOnError)
	f.SortFlags = false
	f.IntVar(&l.context, "context", 0, "use a context of at most `N` tokens")
	f.IntVar(&l.threads, "threads", 0, "compute with `N` threads (default: the physical cores)")
	f.IntVar(&l.gpuLayers, "gpu-layers", 0, "put `N` layers on the GPU (default: as many as fit)")
	f.StringVar(&l.kvType, "kv-type", "", "store the context as `TYPE`: f32, f16, bf16, q8_0 or q4_0 (default: f16)")
	f.StringVar(&l.Projector, "projector", "", "use the vision projector in `FILE` (default: the one beside the model)")
	f.StringArrayVar(&l.adapters, "adapter", nil, "apply the LoRA adapter `FILE[=SCALE]`; can be repeated")
	addSection("Loading the model", f, cmd)
}

// Options are the flags and, where those are not given, config.toml.
func (l *Load) Options(c config.Config) (engine.LoadOptions, error) {
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
			return o, Invalid("kv-type", l.kvType, config.KVTypes...)
		}
		o.KVType = l.kvType
	}
	if o.Context < 0 || o.Threads < 0 {
		return o, fault.Errorf(fault.Usage, "--context and --threads must not be negative")
	}
	// A worker runs in another folder: its paths are absolute.
	if l.Projector != "" {
		path, err := filepath.Abs(l.Projector)
		if err != nil {
			return o, fmt.Errorf("find %s: %w", l.Projector, err)
		}
		o.Projector = path
	}
	for _, s := range l.adapters {
		adapter, err := ParseAdapter(s)
		if err != nil {
			return o, err
		}
		o.Adapters = append(o.Adapters, adapter)
	}
	return o, nil
}

// ParseAdapter parses FILE or FILE=SCALE. Text after an equals sign that is not a
// number belongs to the file's name.
func ParseAdapter(s string) (engine.Adapter, error) {
	a := engine.Adapter{Path: s, Scale: 1}
	if i := strings.LastIndexByte(s, '='); i > 0 {
		if scale, err := strconv.ParseFloat(s[i+1:], 32); err == nil {
			a.Path, a.Scale = s[:i], float32(scale)
		}
	}
	if math.IsNaN(float64(a.Scale)) || math.IsInf(float64(a.Scale), 0) {
		return a, fault.Errorf(fault.Usage, "invalid --adapter %q: the scale is not a number", s)
	}
	path, err := filepath.Abs(a.Path)
	if err != nil {
		return a, fmt.Errorf("find %s: %w", a.Path, err)
	}
	a.Path = path
	return a, nil
}
