// Package convert makes GGUF files of weights as they are published: safetensors with
// their configuration and tokenizer, in the layout of Hugging Face's transformers or in
// Mistral's.
//
// A model is never in memory. First a plan is made from the heads of the files
// alone: which tensors there will be, of which rows of which others, and whether
// every shape is the one that the configuration asks for. Then rows stream through
// it, a few megabytes at a time. The result appears under its name when it is
// whole, or not at all.
package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/safetensors"
)

// Options say what to make.
type Options struct {
	Output string // path of the GGUF; a vision encoder goes beside it, see [ProjectorPath]
	Type   Type
	Layout Layout
	Name   string // of the model; "" for the folder's
	// Base is the model that an adapter is for: its folder, or its GGUF. "" for the
	// one that the adapter names, where it lies nearby.
	Base string
	// Progress, when set, is called with the number of bytes written. It is called from
	// one goroutine at a time.
	Progress func(done, total int64)
}

// A Result is what was made, and what was chosen on the way.
type Result struct {
	Files         []string // the model's first
	Bytes         int64
	Architecture  string // general.architecture
	Type          Type
	Layout        Layout // of the weights that were read
	Tokenizer     string // file that the vocabulary is from
	PromptVersion string // "" for a model that is not trained to one of Mistral's
	Notes         []string
	Warnings      []string
}

// ProjectorPath is where the vision encoder of a model at path goes.
func ProjectorPath(path string) string {
	if ext := filepath.Ext(path); strings.EqualFold(ext, ".gguf") {
		return strings.TrimSuffix(path, ext) + ".mmproj" + ext
	}
	return path + ".mmproj.gguf"
}

// Convert converts the model or the LoRA adapter in a folder. What is wrong with
// the folder or the disk is an [*fault.Error]; when ctx ends, that is its cause. After an
// error no file is left.
func Convert(ctx context.Context, dir string, o Options) (Result, error) {
	if _, ok := tensorTypes[o.Type]; !ok && o.Type != Stored {
		return Result{}, fmt.Errorf("convert %s: there is no type %q", dir, o.Type)
	}
	f, err := openFolder(dir)
	if err != nil {
		return Result{}, err
	}
	defer f.close()
	var b *build
	if f.has("adapter_config.json") {
		b, err = planAdapter(f, o)
	} else {
		b, err = planModel(f, o)
	}
	if err != nil {
		return Result{}, err
	}
	defer b.w.close()
	if err := b.write(ctx, o); err != nil {
		return Result{}, err
	}
	return b.result, nil
}

// A build is one or more files to write.
type build struct {
	w      *weights
	files  []*target
	result Result
}

// A target is a file of the result.
type target struct {
	path    string
	meta    gguf.Metadata
	outputs []*output
}

// planModel makes the plan of a model.
func planModel(f *folder, o Options) (*build, error) {
	s, err := selectLayout(f, o.Layout)
	if err != nil {
		return nil, err
	}
	b := &build{w: s.w, result: Result{Layout: s.layout, Notes: s.notes}}
	if err := b.addModel(f, o, s.m); err != nil {
		b.w.close()
		return nil, err
	}
	return b, nil
}

func (b *build) addModel(f *folder, o Options, m *model) error {
	names := namesOf(b.result.Layout, b.w)
	p := &plan{w: b.w, file: m.file}
	var space stateSpace
	if m.mamba {
		space = p.mambaTensors(m)
	} else {
		p.textTensors(m, names)
	}
	if p.err != nil {
		return p.err
	}
	c, err := readCard(f)
	if err != nil {
		return err
	}
	v, err := readVocabulary(f)
	if err != nil {
		return err
	}
	if err := v.padTo(m); err != nil {
		return err
	}
	if id := v.tokenID(c.eos); c.eos != "" && id >= 0 {
		v.eos = id
	}
	want := b.resolveType(o.Type)
	name := cmp.Or(o.Name, f.name)
	pooling := c.pooling
	if m.embeds && pooling == 0 {
		pooling = poolLast
	}

	text := &target{path: o.Output, outputs: p.outputs}
	p.types(want.tensor)
	text.meta = general(m.arch, "model", name, want.file)
	c.describe(&text.meta)
	length, assumed := m.contextLength(v.tekken, v.version)
	m.describe(&text.meta, space, length, pooling)
	v.describe(&text.meta, pooling == poolLast)
	if c.template != "" && pooling == 0 {
		text.meta.Set("tokenizer.chat_template", gguf.Of(c.template))
	}
	if b.result.PromptVersion = v.prompt(m, name, c.template); b.result.PromptVersion != "" {
		text.meta.Set("bise.prompt_version", gguf.Of(b.result.PromptVersion))
		if v.settings != "" {
			text.meta.Set("bise.prompt_settings", gguf.Of(v.settings))
		}
	}
	b.files = append(b.files, text)
	b.result.Architecture, b.result.Tokenizer = m.arch, v.file
	if assumed {
		b.warn("%s does not say how long a context can be; %d tokens are what such models have", m.file, length)
	}
	if m.window > 0 && m.window < length {
		b.warn("the model was trained to look back on %d tokens, and llama.cpp lets it look back on all: past that many its answers differ from the reference's", m.window)
	}
	if m.vision != nil {
		if err := b.planVision(m, names, v, name, want.tensor, want.file, o); err != nil {
			return err
		}
	}
	return b.w.unused(m.embeds || m.tied != nil && *m.tied)
}

// planVision plans the file of the vision encoder.
func (b *build) planVision(m *model, names naming, v *vocabulary, name string, want gguf.Type, file gguf.FileType, o Options) error {
	row := v.tokenID("[IMG_BREAK]")
	if row < 0 {
		return fileErrorf(v.file, "has no token [IMG_BREAK], and the model sees pictures")
	}
	p := &plan{w: b.w, file: m.file}
	p.visionTensors(m, names, int64(row))
	if p.err != nil {
		return p.err
	}
	p.types(want)
	t := &target{path: ProjectorPath(o.Output), outputs: p.outputs, meta: general("clip", "mmproj", name, file)}
	m.vision.describe(&t.meta, m.width)
	b.files = append(b.files, t)
	return nil
}

func (b *build) warn(format string, args ...any) {
	b.result.Warnings = append(b.result.Warnings, fmt.Sprintf(format, args...))
}

// resolveType is the type that was asked for, or that of most of the weights.
func (b *build) resolveType(want Type) struct {
	tensor gguf.Type
	file   gguf.FileType
} {
	if want == Stored {
		bytes := map[Type]int64{}
		for _, t := range b.w.tensors {
			switch t.Type {
			case safetensors.F32:
				bytes[F32] += t.Elements()
			case safetensors.F16:
				bytes[F16] += t.Elements()
			default:
				bytes[BF16] += t.Elements()
			}
		}
		want = BF16
		for _, t := range []Type{F16, F32} {
			if bytes[t] > bytes[want] {
				want = t
			}
		}
	}
	b.result.Type = want
	return tensorTypes[want]
}

// A selection is the one set of weights that is converted.
type selection struct {
	layout Layout
	m      *model
	w      *weights
	notes  []string
}

// selectLayout takes one layout of those that lie in a folder, never files of both.
// Hugging Face's says more of the model, so it comes first; but a layout of which
// something is missing only counts when there is no other.
func selectLayout(f *folder, want Layout) (*selection, error) {
	names, err := f.names()
	if err != nil {
		return nil, err
	}
	there := map[Layout]bool{HF: false, Native: false}
	for _, name := range names {
		switch {
		case !strings.HasSuffix(name, ".safetensors") && !strings.HasSuffix(name, ".safetensors.index.json"):
		case strings.HasPrefix(name, "model"):
			there[HF] = slices.Contains(names, "config.json")
		case strings.HasPrefix(name, "consolidated"):
			there[Native] = slices.Contains(names, "params.json")
		}
	}
	var order []Layout
	for _, l := range []Layout{HF, Native} {
		if there[l] && (want == Auto || want == l) || want == l {
			order = append(order, l)
		}
	}
	if len(order) == 0 {
		return nil, fault.Advise(fileErrorf(f.path, "has no weights that can be converted"), "It needs config.json and model*.safetensors, or params.json and consolidated*.safetensors, or an adapter of PEFT.")
	}
	var first error
	for _, l := range order {
		s, err := readLayout(f, l)
		if err == nil {
			s.notes = s.describe(there[HF] && there[Native], first)
			return s, nil
		}
		if first == nil {
			first = err
		}
	}
	return nil, first
}

// readLayout reads a layout's configuration and the heads of its weights.
func readLayout(f *folder, l Layout) (*selection, error) {
	read, stem := readHF, "model"
	if l == Native {
		read, stem = readNative, "consolidated"
	}
	m, err := read(f)
	if err != nil {
		return nil, err
	}
	w, err := openWeights(f, stem)
	if err != nil {
		return nil, err
	}
	return &selection{layout: l, m: m, w: w}, nil
}

func (s *selection) describe(both bool, failed error) []string {
	files := s.w.files[0]
	if n := len(s.w.files); n > 1 {
		files = fmt.Sprintf("%s to %s", files, s.w.files[n-1])
	}
	name := map[Layout]string{HF: "Hugging Face's layout", Native: "Mistral's own layout"}[s.layout]
	note := fmt.Sprintf("%s was taken: %s and %s", name, s.m.file, files)
	switch {
	case failed != nil:
		return []string{fmt.Sprintf("%s; the other one in the folder is not whole (%v)", note, failed)}
	case both:
		return []string{note + "; the other one in the folder was left alone"}
	}
	return []string{note}
}

// write writes the files.
func (b *build) write(ctx context.Context, o Options) error {
	var total int64
	heads := make([]header, len(b.files))
	for i, t := range b.files {
		h, err := t.header()
		if err != nil {
			return fmt.Errorf("convert to %s: %w", t.path, err)
		}
		heads[i] = h
		total += h.size
		if err := b.checkNotInput(t.path); err != nil {
			return err
		}
		b.result.Files = append(b.result.Files, t.path)
	}
	b.result.Bytes = total
	dir := filepath.Dir(o.Output)
	if n, ok := free(dir); ok && n < total {
		return fault.Advise(fault.Errorf(fault.NoSpace, "cannot write %s: it needs %d MB and %d MB are free", o.Output, total/1e6+1, n/1e6), advice)
	}
	stage, err := atomicfile.Beside(dir)
	if err != nil {
		return cannotWrite(o.Output, err)
	}
	s := &stream{total: total, progress: o.Progress}
	for i, t := range b.files {
		if err := s.file(ctx, stage.Path(filepath.Base(t.path)), heads[i], t.outputs); err != nil {
			return errors.Join(b.writeError(ctx, t.path, err), stage.Discard())
		}
	}
	if err := stage.Commit(); err != nil {
		return b.writeError(ctx, o.Output, err)
	}
	return nil
}

const advice = "Free some disk space, or write to another disk."

// free is [atomicfile.Free]; tests give other answers.
var free = atomicfile.Free

// checkNotInput makes sure that the weights are not replaced by what is made of them.
func (b *build) checkNotInput(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil // nothing is there
	}
	if info.IsDir() {
		return &fault.Error{Kind: fault.File, Msg: fmt.Sprintf("cannot write %s: it is a folder", path), Advice: "Give the name of a file to write."}
	}
	for _, f := range b.w.open {
		if in, err := f.Stat(); err == nil && os.SameFile(info, in) {
			return &fault.Error{Kind: fault.File, Msg: fmt.Sprintf("cannot write %s: it is one of the input files", path), Advice: "Give the result another name."}
		}
	}
	return nil
}

// writeError says what an error while writing was about.
func (b *build) writeError(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	return cannotWrite(path, err)
}

func cannotWrite(path string, err error) error {
	why, kind, hint := err, fault.File, ""
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		why = p.Err
	}
	switch {
	case atomicfile.Full(err):
		why, kind, hint = errors.New("the disk is full"), fault.NoSpace, advice
	case errors.Is(err, fs.ErrNotExist):
		why, hint = fmt.Errorf("there is no folder %s", filepath.Dir(path)), "Create it first."
	case errors.Is(err, fs.ErrPermission):
		why = errors.New("permission denied")
	}
	return &fault.Error{Kind: kind, Msg: fmt.Sprintf("cannot write %s: %v", path, why), Advice: hint, Cause: err}
}
