package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/remote"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/caches"
)

// keyCommandTime is how long an endpoint's key_command may take. It may ask for
// a passphrase.
const keyCommandTime = 2 * time.Minute

// openRef finds what ref names, or the default when it is empty: a model of an
// endpoint, or a file, which a worker process holds.
func (a *app) openRef(ctx context.Context, ref string, o engine.LoadOptions) (engine.Engine, error) {
	ref, from := a.chosen(ref)
	if name, model, ok := strings.Cut(ref, "/"); ok {
		if e, ok := a.endpoints()[name]; ok {
			return a.endpoint(ctx, name, e, model)
		}
	}
	m, err := a.find(ref)
	if err != nil {
		return nil, chosenBy(err, from)
	}
	return a.worker(ctx, m, o)
}

// chosen is the REF to use, and what said so if it was not the flag. It is empty
// when nothing did.
func (a *app) chosen(ref string) (_, from string) {
	if ref != "" {
		return ref, ""
	}
	if ref = os.Getenv("BISE_MODEL"); ref != "" {
		return ref, "BISE_MODEL"
	}
	return a.config.Model, a.places.File()
}

// endpoints are the servers that are known: those of config.toml, and those that were
// added since it was read. It may be called from any goroutine.
func (a *app) endpoints() map[string]config.Endpoint {
	if all := a.extended.Load(); all != nil {
		return *all
	}
	return a.config.Endpoints
}

// store is where the models on this machine are.
func (a *app) store() models.Store {
	return models.Store{Dir: a.places.Models, Caches: caches.Here()}
}

// find gives the model in a file that ref names, or the default.
func (a *app) find(ref string) (models.Model, error) {
	if ref == "" {
		return a.store().Default()
	}
	m, err := a.store().Find(ref)
	if e, ok := errors.AsType[*fault.Error](err); ok && e.Kind == fault.NotFound && len(a.endpoints()) > 0 && strings.Contains(ref, "/") {
		known := *e
		known.Advice += " Endpoints: " + strings.Join(slices.Sorted(maps.Keys(a.endpoints())), ", ") + "."
		err = &known
	}
	return m, a.orPull(ref, err)
}

// orPull adds to the error of a model that is not here that it can be pulled, if the
// catalogue has it.
func (a *app) orPull(ref string, err error) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind != fault.NotFound {
		return err
	}
	c, unreadable := a.catalog()
	if unreadable != nil {
		return err
	}
	if m, _, unknown := c.Find(ref); unknown != nil || !m.Local() {
		return err
	}
	known := *e
	known.Advice = fmt.Sprintf("Get it with bise pull %s.", ref)
	return &known
}

// chosenBy adds to an error what it was that named the model.
func chosenBy(err error, from string) error {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || from == "" || !strings.Contains(e.Msg, "\"") {
		return err
	}
	known := *e
	known.Advice = strings.TrimSpace(fmt.Sprintf("It is named in %s. %s", from, e.Advice))
	return &known
}

// worker opens a model file in a process of its own.
func (a *app) worker(ctx context.Context, m models.Model, o engine.LoadOptions) (engine.Engine, error) {
	spec, err := a.spec(m, o)
	if err != nil {
		return nil, err
	}
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find bise itself, to start a worker: %w", err)
	}
	_ = a.store().MarkUsed(m)
	a.progress.wait(func(int) string { return "starting " + m.Name })
	return worker.Open(ctx, spec, worker.Launcher{Command: []string{program, "worker", "--log-level", a.logLevel}, LogDir: a.places.Log})
}

// spec says which model a worker is to hold and how.
func (a *app) spec(m models.Model, o engine.LoadOptions) (worker.Spec, error) {
	print, err := gguf.Fingerprint(m.Path)
	if err != nil {
		return worker.Spec{}, &fault.Error{
			Kind: fault.BadModel, Cause: err,
			Msg:    fmt.Sprintf("cannot load %s: %v", m.Name, err),
			Advice: "Give the path of a whole GGUF file.",
		}
	}
	o.StateDir = a.places.KV
	if o.Projector == "" {
		o.Projector = m.Projector
	}
	for _, path := range m.Adapters {
		o.Adapters = append(o.Adapters, engine.Adapter{Path: path, Scale: 1})
	}
	spec := worker.Spec{Name: m.Name, Path: m.Path, Options: o, Fingerprint: print, Version: buildID()}
	if keep := a.config.KeepAlive; keep != nil {
		spec.KeepAlive = *keep
	}
	return spec, nil
}

// endpoint opens a model of a server.
func (a *app) endpoint(ctx context.Context, name string, e config.Endpoint, model string) (engine.Engine, error) {
	if model == "" {
		return nil, usageErrorf("%s/ names an endpoint and no model", name)
	}
	key, err := secret(ctx, name, e)
	if err != nil {
		return nil, err
	}
	return remote.New(remote.Config{URL: e.URL, Key: key, Model: model, Dialect: remote.Dialect(e.Dialect), Retries: 2})
}

// secret is an endpoint's key: it is set, or in the environment, or printed by a
// command.
func secret(ctx context.Context, name string, e config.Endpoint) (string, error) {
	switch {
	case e.KeyEnv != "":
		key := os.Getenv(e.KeyEnv)
		if key == "" {
			return "", &fault.Error{
				Kind: fault.Denied, Msg: fmt.Sprintf("cannot use endpoint %s: its key is in %s, which is not set", name, e.KeyEnv),
				Advice: fmt.Sprintf("Set it: export %s=…", e.KeyEnv),
			}
		}
		return key, nil
	case len(e.KeyCommand) > 0:
		ctx, cancel := context.WithTimeout(ctx, keyCommandTime)
		defer cancel()
		cmd := exec.CommandContext(ctx, e.KeyCommand[0], e.KeyCommand[1:]...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err == nil && len(bytes.TrimSpace(out)) == 0 {
			err = errors.New("it printed nothing")
		}
		if err != nil {
			return "", &fault.Error{
				Kind: fault.Denied, Cause: err, Msg: fmt.Sprintf("cannot use endpoint %s: its key_command %s: %v", name, e.KeyCommand[0], err),
				Advice: "Run the command yourself to see what is wrong.",
			}
		}
		return string(bytes.TrimSpace(out)), nil
	}
	return e.Key, nil
}

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
	o := engine.LoadOptions{Context: c.Context, Threads: c.Threads, GPULayers: c.GPULayers, KVType: c.KVType, FlashAttn: c.FlashAttn}
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
