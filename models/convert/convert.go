// Package convert converts original weights to GGUF: safetensors with their configuration
// and tokenizer, in the layout of Hugging Face's transformers or in Mistral's.
//
// First the headers of the files give a plan: the tensors of the result, the rows that each
// is made from, and whether the shapes match the configuration. Then rows are streamed, a
// few megabytes at a time. The result is complete or does not exist.
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

// Options say what to convert to.
type Options struct {
	Output string // path of the GGUF file; for the vision encoder see [ProjectorPath]
	Type   Type
	Layout Layout
	Name   string // of the model; "": that of the folder
	// Base is the folder or the GGUF file of an adapter's base model; "": it is searched near
	// the adapter.
	Base string
	// Progress may be nil. It is called from one goroutine at a time.
	Progress func(done, total int64)
}

// A Result describes the new files.
type Result struct {
	Files         []string // the model's first
	Bytes         int64
	Architecture  string // general.architecture
	Type          Type
	Layout        Layout // of the original weights
	Tokenizer     string // file of the vocabulary
	PromptVersion string // "": not one of Mistral's
	Notes         []string
	Warnings      []string
}

// ProjectorPath returns the path of the vision encoder and projector of the model at path.
func ProjectorPath(path string) string {
	if ext := filepath.Ext(path); strings.EqualFold(ext, ".gguf") {
		return strings.TrimSuffix(path, ext) + ".mmproj" + ext
	}
	return path + ".mmproj.gguf"
}

// Convert converts the model or the LoRA adapter in a folder. Errors are of type
// [*fault.Error], or ctx's cause. After an error no file is left.
func Convert(ctx context.Context, dir string, o Options) (Result, error) {
	if _, ok := tensorTypes[o.Type]; !ok && o.Type != Stored {
		return Result{}, fmt.Errorf("convert %s: unknown type %q", dir, o.Type)
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

// A build has the files to write.
type build struct {
	w      *weights
	files  []*target
	result Result
}

// A target is a file to write.
type target struct {
	path    string
	meta    gguf.Metadata
	outputs []*output
}

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
	v.describe(&text.meta, pooling == poolLast || pooling > 0 && c.endsTexts)
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
		b.warn("%s has no context length; %d tokens were assumed", m.file, length)
	}
	if m.window > 0 && m.window < length {
		b.warn("the model has sliding-window attention of %d tokens, which llama.cpp does not use: in longer contexts the answers differ from the reference", m.window)
	}
	if m.vision != nil {
		if err := b.planVision(m, names, v, name, want.tensor, want.file, o); err != nil {
			return err
		}
	}
	if m.audio != nil {
		if err := b.planAudio(m, names, v, name, want.tensor, want.file, o); err != nil {
			return err
		}
	}
	return b.w.unused(m.embeds || m.tied != nil && *m.tied)
}

func (b *build) planVision(m *model, names naming, v *vocabulary, name string, want gguf.Type, file gguf.FileType, o Options) error {
	row := v.tokenID("[IMG_BREAK]")
	if row < 0 {
		return fileErrorf(v.file, "has no token [IMG_BREAK], which a vision model needs")
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

func (b *build) planAudio(m *model, names naming, v *vocabulary, name string, want gguf.Type, file gguf.FileType, o Options) error {
	for _, token := range []string{"[AUDIO]", "[BEGIN_AUDIO]"} {
		if !v.has(token) {
			return fileErrorf(v.file, "has no token %s, which a model that hears needs", token)
		}
	}
	p := &plan{w: b.w, file: m.file}
	p.audioTensors(m, names)
	if p.err != nil {
		return p.err
	}
	p.types(want)
	t := &target{path: ProjectorPath(o.Output), outputs: p.outputs, meta: general("clip", "mmproj", name, file)}
	m.audio.describe(&t.meta, m.width)
	b.files = append(b.files, t)
	return nil
}

func (b *build) warn(format string, args ...any) {
	b.result.Warnings = append(b.result.Warnings, fmt.Sprintf(format, args...))
}

// resolveType returns the requested type, or that of most weights.
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

// A selection is the layout that is converted.
type selection struct {
	layout Layout
	m      *model
	w      *weights
	notes  []string
}

// selectLayout selects a complete layout of a folder. Hugging Face's comes first because it
// has more facts.
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
		if there[l] && want == Auto || want == l {
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
		first = cmp.Or(first, err)
	}
	return nil, first
}

func readLayout(f *folder, l Layout) (*selection, error) {
	name, parse, stem := "config.json", parseHF, "model"
	if l == Native {
		name, parse, stem = "params.json", parseNative, "consolidated"
	}
	m, err := readConfig(f, name, parse)
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
	name := map[Layout]string{HF: "Hugging Face's layout", Native: "Mistral's layout"}[s.layout]
	note := fmt.Sprintf("converted %s: %s and %s", name, s.m.file, files)
	switch {
	case failed != nil:
		note += fmt.Sprintf("; the other layout is incomplete (%v)", failed)
	case both:
		note += "; the other layout was ignored"
	}
	return []string{note}
}

func (b *build) write(ctx context.Context, o Options) error {
	var total int64
	headers := make([]header, len(b.files))
	for i, t := range b.files {
		h, err := t.header()
		if err != nil {
			return fmt.Errorf("convert to %s: %w", t.path, err)
		}
		headers[i] = h
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
		if err := s.file(ctx, stage.Path(filepath.Base(t.path)), headers[i], t.outputs); err != nil {
			return errors.Join(b.writeError(ctx, t.path, err), stage.Discard())
		}
	}
	if err := stage.Commit(); err != nil {
		return b.writeError(ctx, o.Output, err)
	}
	return nil
}

const advice = "Free some disk space, or write to another disk."

// free is replaced by tests.
var free = atomicfile.Free

func (b *build) checkNotInput(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return nil // it does not exist
	}
	if info.IsDir() {
		return fault.Advise(fault.Errorf(fault.File, "cannot write %s: it is a folder", path), "Give the path of a file.")
	}
	for _, f := range b.w.open {
		if in, err := f.Stat(); err == nil && os.SameFile(info, in) {
			return fault.Advise(fault.Errorf(fault.File, "cannot write %s: it is one of the input files", path), "Choose another name.")
		}
	}
	return nil
}

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
