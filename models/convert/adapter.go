package convert

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
)

type adapterConfig struct {
	Kind    string             `json:"peft_type"`
	Base    string             `json:"base_model_name_or_path"`
	Rank    *float64           `json:"r"`
	Alpha   *float64           `json:"lora_alpha"`
	Ranks   map[string]float64 `json:"rank_pattern"`
	Alphas  map[string]float64 `json:"alpha_pattern"`
	Rooted  bool               `json:"use_rslora"`
	DoRA    bool               `json:"use_dora"`
	Flipped bool               `json:"fan_in_fan_out"`
	Bias    string             `json:"bias"`
	Whole   []string           `json:"modules_to_save"`
}

func parseAdapter(file string, data []byte) (*adapterConfig, error) {
	var c adapterConfig
	if err := decodeConfig(file, data, &c); err != nil {
		return nil, err
	}
	switch {
	case c.Kind != "LORA":
		return nil, fileErrorf(file, "has an adapter of type %q: want LORA", c.Kind)
	case c.DoRA:
		return nil, fileErrorf(file, "has a DoRA adapter, which llama.cpp cannot run")
	case c.Flipped:
		return nil, fileErrorf(file, "has a transposed adapter (fan_in_fan_out), which cannot be converted")
	case c.Bias != "" && c.Bias != "none":
		return nil, fileErrorf(file, "has an adapter with biases, which llama.cpp cannot run")
	case len(c.Whole) > 0:
		return nil, fileErrorf(file, "has an adapter that replaces %s, which llama.cpp cannot run", strings.Join(c.Whole, ", "))
	case len(c.Alphas) > 0, c.Rooted && len(c.Ranks) > 0:
		return nil, fileErrorf(file, "has different strengths for different tensors, which llama.cpp cannot run")
	}
	return &c, nil
}

// loraName matches a tensor of an adapter: the module that it changes, and the factor.
var loraName = regexp.MustCompile(`^base_model\.model\.(.+)\.lora_(A|B)(?:\.default)?\.weight$`)

var (
	inLayer  = regexp.MustCompile(`^(?:model\.|language_model\.model\.|model\.language_model\.)?layers\.(\d{1,4})\.(.+)$`)
	inExpert = regexp.MustCompile(`^(?:block_sparse_moe|mlp)\.experts\.(\d{1,4})\.(w[123])$`)
)

// A loraTarget is a tensor of the base model and the factors of what is added to it.
type loraTarget struct {
	layer int // -1 outside the layers
	name  string
	a, b  map[int]*source // by expert, 0 where there are none
}

// planAdapter plans a LoRA adapter. The heads of the base model decide which rows are
// reordered.
func planAdapter(f *folder, o Options) (*build, error) {
	const file = "adapter_config.json"
	c, err := readConfig(f, file, parseAdapter)
	if err != nil {
		return nil, err
	}
	base, err := findBase(f, c, o.Base)
	if err != nil {
		return nil, err
	}
	w, err := openWeights(f, "adapter_model")
	if err != nil {
		return nil, err
	}
	b := &build{w: w, result: Result{Layout: HF, Architecture: base.arch, Notes: []string{"assumed base model: " + base.from}}}
	if base.warning != "" {
		b.result.Warnings = []string{base.warning}
	}
	if err := b.addAdapter(f, c, base, o); err != nil {
		w.close()
		return nil, err
	}
	return b, nil
}

func (b *build) addAdapter(f *folder, c *adapterConfig, base *baseModel, o Options) error {
	r := &reader{file: "adapter_config.json"}
	rank := r.count("r", c.Rank, 0)
	alpha := r.positive("lora_alpha", c.Alpha, 0)
	if r.err != nil {
		return r.err
	}
	if c.Rooted {
		alpha *= math.Sqrt(float64(rank)) // llama.cpp divides by the rank itself
	}
	targets, err := loraTargets(b.w)
	if err != nil {
		return err
	}
	p := &plan{w: b.w, file: r.file}
	for _, t := range targets {
		if p.err == nil {
			p.lora(t, base, rank, len(c.Ranks) > 0)
		}
	}
	if p.err != nil {
		return p.err
	}
	want := b.resolveType(o.Type)
	p.types(want.tensor)
	meta := general(base.arch, "adapter", cmp.Or(o.Name, f.name), want.file)
	meta.Set("adapter.type", gguf.Of("lora"))
	meta.Set("adapter.lora.alpha", gguf.Of(float32(alpha)))
	b.files = []*target{{path: o.Output, meta: meta, outputs: p.outputs}}
	return b.w.unused(false)
}

// loraTargets groups an adapter's tensors by the tensor of the base model.
func loraTargets(w *weights) ([]*loraTarget, error) {
	blocks := map[string]string{}
	for to, from := range hfNames.block {
		blocks[from] = to
	}
	found := map[string]*loraTarget{}
	for _, name := range slices.Sorted(maps.Keys(w.tensors)) {
		s := w.tensors[name]
		m := loraName.FindStringSubmatch(name)
		if m == nil {
			return nil, s.errorf("is not a LoRA tensor that llama.cpp can run")
		}
		t := &loraTarget{layer: -1, a: map[int]*source{}, b: map[int]*source{}}
		expert := 0
		if l := inLayer.FindStringSubmatch(m[1]); l != nil {
			t.layer, _ = strconv.Atoi(l[1])
			if x := inExpert.FindStringSubmatch(l[2]); x != nil {
				expert, _ = strconv.Atoi(x[1])
				for to, from := range expertPart {
					if from == x[2]+".weight" {
						t.name = fmt.Sprintf("blk.%d.%s_exps.weight", t.layer, to)
					}
				}
			} else if to := blocks[l[2]]; to != "" {
				t.name = fmt.Sprintf("blk.%d.%s.weight", t.layer, to)
			}
		} else if strings.HasSuffix(m[1], "lm_head") {
			t.name = "output.weight"
		}
		if t.name == "" {
			return nil, s.errorf("changes a module that llama.cpp cannot adapt")
		}
		if before := found[t.name]; before != nil {
			t = before
		}
		found[t.name] = t
		side := t.a
		if m[2] == "B" {
			side = t.b
		}
		if before := side[expert]; before != nil {
			return nil, s.errorf("has the same target as %q", before.Name)
		}
		side[expert] = s
	}
	list := slices.Collect(maps.Values(found))
	slices.SortFunc(list, func(x, y *loraTarget) int {
		return cmp.Or(cmp.Compare(x.layer, y.layer), cmp.Compare(x.name, y.name))
	})
	if len(list) == 0 {
		return nil, fileErrorf("adapter_model.safetensors", "has no tensors")
	}
	return list, nil
}

func (p *plan) lora(t *loraTarget, base *baseModel, rank int64, ranks bool) {
	experts := slices.Sorted(maps.Keys(t.a))
	var as, bs []part
	var in, out int64
	for i, e := range experts {
		a, b := t.a[e], t.b[e]
		switch {
		case b == nil:
			p.err = a.errorf("has no lora_B beside it")
			return
		case e != i:
			p.err = a.errorf("is of expert %d, but expert %d is missing", e, i)
			return
		case len(a.Shape) != 2 || len(b.Shape) != 2:
			p.err = a.errorf("has shape %v, and lora_B %v", a.Shape, b.Shape)
			return
		}
		a.used, b.used = true, true
		if i == 0 {
			in, out = a.Shape[1], b.Shape[0]
			if ranks {
				rank = a.Shape[0]
			}
		}
		as = append(as, p.part(a, []int64{rank, in}, 0, rank))
		bs = append(bs, p.part(b, []int64{out, rank}, 0, out))
		if p.err != nil {
			return
		}
	}
	if len(t.b) != len(experts) {
		for e, b := range t.b {
			if t.a[e] == nil {
				p.err = b.errorf("has no lora_A beside it")
				return
			}
		}
	}
	n := int64(len(experts))
	if strings.HasSuffix(t.name, "_exps.weight") {
		if base.experts > 0 && n != base.experts {
			p.err = t.a[0].errorf("is of an adapter for %d experts, and the base model has %d", n, base.experts)
			return
		}
		p.parts(t.name+".lora_a", []int64{n, rank, in}, as...)
		p.parts(t.name+".lora_b", []int64{n, out, rank}, bs...)
		return
	}
	p.parts(t.name+".lora_a", []int64{rank, in}, as...)
	b := p.parts(t.name+".lora_b", []int64{out, rank}, bs...)
	if strings.HasSuffix(t.name, ".attn_q.weight") || strings.HasSuffix(t.name, ".attn_k.weight") {
		if out%base.headWidth != 0 {
			p.err = t.b[0].errorf("has %d rows, which heads of %d rows do not divide", out, base.headWidth)
			return
		}
		b.rotated(base.headWidth)
	}
}

// A baseModel has the facts of the base model that an adapter needs.
type baseModel struct {
	arch      string
	headWidth int64
	experts   int64 // 0: unknown or none
	from      string
	warning   string
}

// findBase finds the base model of an adapter: at the given path, or near the adapter under
// its configured name.
func findBase(f *folder, c *adapterConfig, given string) (*baseModel, error) {
	if given != "" {
		return readBaseModel(given)
	}
	abs, err := filepath.Abs(f.path)
	if err != nil {
		return nil, readError(f.path, err)
	}
	name := filepath.Base(filepath.FromSlash(c.Base))
	for _, path := range []string{
		c.Base, filepath.Join(abs, c.Base), filepath.Join(filepath.Dir(abs), name), filepath.Join(filepath.Dir(filepath.Dir(abs)), name),
	} {
		if c.Base == "" {
			break
		}
		for _, sub := range []string{"", "hf", "native"} {
			if b, err := readBaseModel(filepath.Join(path, sub)); err == nil {
				return b, nil
			}
		}
	}
	// All Mistral models so far have heads of this size.
	const headWidth = 128
	if owner, model, ok := strings.Cut(c.Base, "/"); ok && owner == "mistralai" {
		b := &baseModel{arch: "llama", headWidth: headWidth, from: c.Base}
		if strings.HasPrefix(model, "Ministral-3-") {
			b.arch = "mistral3"
		}
		b.warning = fmt.Sprintf("%s was not found; heads of %d numbers were assumed, as in all Mistral models", c.Base, headWidth)
		return b, nil
	}
	return nil, fault.Advise(fileErrorf("adapter_config.json", "names the base model %q, which was not found", c.Base), "Give the base model's folder or GGUF file.")
}

func readBaseModel(path string) (*baseModel, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, readError(path, err)
	}
	if !info.IsDir() {
		return baseOfGGUF(path)
	}
	f, err := openFolder(path)
	if err != nil {
		return nil, err
	}
	defer f.close()
	m, err := readConfig(f, "config.json", parseHF)
	if err != nil {
		var native error
		if m, native = readConfig(f, "params.json", parseNative); native != nil {
			return nil, err
		}
	}
	if m.mamba {
		return nil, fileErrorf(path, "has no attention, so adapters for it cannot be converted")
	}
	return &baseModel{arch: m.arch, headWidth: m.headWidth, experts: m.experts, from: path}, nil
}

func baseOfGGUF(path string) (*baseModel, error) {
	g, err := gguf.Read(path)
	if err != nil {
		if _, ok := errors.AsType[*fs.PathError](err); ok {
			return nil, readError(path, err)
		}
		return nil, fileErrorf(path, "is not a valid GGUF file: %v", err)
	}
	s := g.Summary()
	if s.KeyWidth == 0 || s.Architecture != "llama" && s.Architecture != "mistral3" {
		return nil, fileErrorf(path, "has architecture %q, for which adapters cannot be converted", s.Architecture)
	}
	return &baseModel{arch: s.Architecture, headWidth: int64(s.KeyWidth), experts: int64(s.Experts), from: path}, nil
}
