//go:build cgo

package llama

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/shirou/gopsutil/v4/cpu"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/footprint"
	"github.com/bise-sh/bise/engine/scheduler"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
)

const defaultStates = 4_000_000_000 // bytes of saved conversations

type loadedAdapter struct {
	adapter
	scale float32
}

// Open loads the model at path. It calls progress, which may be nil, with the fraction
// loaded, from another goroutine. An error about the file or about this machine is a
// *fault.Error of kind NotFound, BadModel, NoMemory or Invalid.
func Open(ctx context.Context, path string, o engine.LoadOptions, progress func(float64)) (*Engine, error) {
	name := strings.TrimSuffix(filepath.Base(path), ".gguf")
	file, err := read(path)
	if err != nil {
		return nil, err
	}
	fingerprint, err := gguf.Fingerprint(path)
	if err != nil {
		return nil, badModel(path, err)
	}
	sum := file.Summary()
	kv, ok := kvTypes[cmp.Or(o.KVType, "f16")]
	if !ok {
		return nil, &fault.Error{Kind: fault.Invalid, Param: "kv_type", Msg: fmt.Sprintf("invalid kv_type %q: want f16, q8_0 or q4_0", o.KVType)}
	}
	Backends(o.BackendDirs...)

	p := contextParams{
		batch: max(1, cmp.Or(o.Batch, footprint.Batch)), slots: footprint.Slots(sum, o), threads: cmp.Or(o.Threads, Threads()), kv: kv, flash: flashAuto,
	}
	if o.FlashAttn != nil {
		p.flash = flashOff
		if *o.FlashAttn {
			p.flash = flashOn
		}
	}
	fit := estimate(file, o)
	limit, err := fit.context(name, o.Context)
	if err != nil {
		return nil, err
	}
	p.tokens = min(limit, footprint.Context)
	if fit.Token == 0 {
		p.tokens = limit // a state of constant size cannot grow
	}

	e := &Engine{name: name, path: path, file: file}
	c := &e.instance
	c.watch, c.fit = newWatch(), fit
	layers := -1
	if o.GPULayers != nil {
		layers = *o.GPULayers
	}
	mp := modelParams{gpuLayers: layers, mmap: !o.NoMmap, context: p.tokens, batch: p.batch, kv: kv, flash: p.flash, margin: 1 << 30}
	if c.m, err = supervise(ctx, c.watch, progress, func() (*model, error) { return loadModel(path, mp, c.watch) }); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, badModel(path, err)
	}
	if err := e.prepare(o, p, limit, fingerprint); err != nil {
		c.m.free()
		return nil, err
	}
	return e, nil
}

// prepare builds everything that depends on the loaded weights.
func (e *Engine) prepare(o engine.LoadOptions, p contextParams, limit int, fingerprint string) error {
	c := &e.instance
	sum := e.file.Summary()
	p.embeddings = sum.Embeds() || !c.m.decoder()
	if sum.Embeds() {
		p.pooling = sum.Pooling
	}
	if p.embeddings && o.Slots == 0 && !c.m.recurrent {
		p.slots = textsTogether
	}
	if p.embeddings && p.pooling != poolLast {
		// The whole text has to be in one batch to be pooled.
		p.tokens = min(limit, maxPooled)
		p.batch = p.tokens
		limit = p.tokens
	}
	for _, a := range o.Adapters {
		loaded, err := c.m.loadAdapter(a.Path)
		if err != nil {
			return &fault.Error{Kind: fault.BadModel, Msg: fmt.Sprintf("cannot use the adapter %s with %s: %s", a.Path, e.name, err), Advice: "An adapter fits only the model it was trained on."}
		}
		c.lora = append(c.lora, loadedAdapter{loaded, a.Scale})
	}
	c.params = p
	c.pool = newPool(p.threads)
	c.computing = p.threads
	if c.m.gpuLayers == 0 {
		c.contention = newContention(p.threads)
	}
	x, err := c.open()
	if err != nil {
		return &fault.Error{Kind: fault.NoMemory, Msg: fmt.Sprintf("cannot make a context of %d tokens for %s: %s", p.tokens, e.name, err), Advice: "Ask for a smaller context, or free some memory."}
	}
	c.x = x
	c.pieces = newPieces(c.m)
	if err := e.openEncoder(o.Projector); err != nil {
		x.free()
		return err
	}
	if err := e.formats(); err != nil {
		x.free()
		return err
	}
	options := scheduler.Options{Slots: p.slots, Batch: p.batch, Limit: limit}
	if o.StateDir != "" && !p.embeddings {
		key := stateKey(fingerprint, o)
		options.States, err = scheduler.OpenStates(o.StateDir, key, cmp.Or(o.StateBytes, defaultStates))
		if err != nil {
			// Conversations are then evaluated again: slower, not wrong.
			slog.Warn("conversations are not saved", "err", err)
			options.States = nil
		}
	}
	e.describe(fingerprint, limit)
	e.scheduler = scheduler.New(c, options, c.warm())
	return nil
}

// warm evaluates one token, so that the weights are in memory and the size of the graph,
// which it returns, is known before the first request.
func (c *instance) warm() int64 {
	c.ClearBatch()
	c.Add(max(0, c.m.bos()), 0, 0, true)
	c.Begin()
	if err := c.Decode(); err != nil {
		slog.Warn("warm-up", "err", err)
	}
	c.Remove(0, -1, -1)
	return c.Nodes()
}

// supervise runs load, reports its progress ten times a second and stops it with ctx.
func supervise[T any](ctx context.Context, w *watch, progress func(float64), load func() (T, error)) (T, error) {
	done := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-ctx.Done():
				w.cancel(true)
				<-done
				w.cancel(false)
				return
			case <-tick.C:
				if progress != nil {
					progress(w.loaded())
				}
			}
		}
	})
	v, err := load()
	close(done)
	watcher.Wait()
	return v, err
}

// read reads the header of a GGUF file, so that llama.cpp only sees files whose sizes and
// offsets are valid.
func read(path string) (*gguf.File, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &fault.Error{Kind: fault.NotFound, Msg: fmt.Sprintf("there is no file %s", path), Cause: err}
	case errors.Is(err, fs.ErrPermission):
		return nil, &fault.Error{Kind: fault.BadModel, Msg: fmt.Sprintf("cannot read %s: permission denied", path), Cause: err}
	case err != nil:
		return nil, badModel(path, err)
	case info.IsDir():
		return nil, &fault.Error{Kind: fault.BadModel, Msg: fmt.Sprintf("%s is a folder, not a GGUF file", path), Advice: "Name the .gguf file in it, or convert the weights first."}
	}
	file, err := gguf.Read(path)
	if err != nil {
		return nil, badModel(path, err)
	}
	if err := file.Check(); err != nil {
		return nil, badModel(path, err)
	}
	arch, _ := file.Metadata.String("general.architecture")
	if arch == "mistral4" {
		return nil, &fault.Error{Kind: fault.Unsupported, Msg: fmt.Sprintf("the built-in engine cannot run %s as it is: its architecture, mistral4, is newer", path), Advice: "Import it: bise import " + path + " writes a copy that it runs."}
	}
	if arch == "clip" {
		return nil, &fault.Error{Kind: fault.BadModel, Msg: fmt.Sprintf("%s is a projector, not a model", path), Advice: "Give the model file: bise finds its projector beside it or through --projector."}
	}
	if n, ok := file.Metadata.Count("tokenizer.ggml.tokens"); !ok || n == 0 {
		return nil, &fault.Error{Kind: fault.BadModel, Msg: fmt.Sprintf("%s has no vocabulary", path), Advice: "It is probably an adapter or a part of a model."}
	}
	return file, nil
}

func badModel(path string, err error) *fault.Error {
	var format *gguf.FormatError
	if errors.As(err, &format) {
		return &fault.Error{Kind: fault.BadModel, Msg: fmt.Sprintf("cannot load %s: %s", path, format.What), Cause: err}
	}
	if errors.Is(err, fs.ErrPermission) {
		return &fault.Error{Kind: fault.BadModel, Msg: fmt.Sprintf("cannot read %s: permission denied", path), Cause: err}
	}
	// llama.cpp's message only names its failed function.
	msg := err.Error()
	if _, rest, ok := strings.Cut(msg, "error loading model: "); ok {
		msg = rest
	}
	return &fault.Error{Kind: fault.BadModel, Msg: fmt.Sprintf("cannot load %s: %s", path, msg), Cause: err}
}

// stateKey is everything that a conversation's KV depends on besides its tokens.
func stateKey(fingerprint string, o engine.LoadOptions) [32]byte {
	files := []string{gguf.FileID(o.Projector)}
	for _, a := range o.Adapters {
		files = append(files, gguf.FileID(a.Path))
	}
	data, err := json.Marshal(struct {
		Weights, Llama, KV string
		Flash              *bool
		Adapters           []engine.Adapter
		Files              []string
	}{fingerprint, version, o.KVType, o.FlashAttn, o.Adapters, files})
	if err != nil {
		panic("llama: " + err.Error())
	}
	return sha256.Sum256(data)
}

// Threads is how many threads compute when nothing else is asked for: one a
// physical core, and no more than this process may use.
var Threads = sync.OnceValue(func() int {
	n := runtime.GOMAXPROCS(0)
	if cores, err := cpu.Counts(false); err == nil && cores > 0 {
		n = min(n, cores)
	}
	return n
})
