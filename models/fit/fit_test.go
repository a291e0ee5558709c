package fit

import (
	"math"
	"path/filepath"
	"slices"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/quantize"
)

func model(t *testing.T, name string) catalog.Model {
	t.Helper()
	m, _, err := catalog.Embedded().Find(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func planned(t *testing.T, name, kind string, h Machine, o engine.LoadOptions) Plan {
	t.Helper()
	m, ok := FromCatalog(model(t, name))
	if !ok {
		t.Fatalf("nothing is known of %s", name)
	}
	m, err := m.Quantized(kind)
	if err != nil {
		t.Fatal(err)
	}
	return m.Plan(h, o)
}

// Shapes are right when they have as many parameters as the published weights.
func TestParameters(t *testing.T) {
	for _, c := range catalog.Embedded().All() {
		if c.Shape == nil || c.Shape.Parameters == 0 {
			continue
		}
		m, _ := FromCatalog(c)
		if got := m.header.Summary().Parameters; got != c.Shape.Parameters {
			t.Errorf("%s has %d parameters by its shape, and is published with %d", c.Name, got, c.Shape.Parameters)
		}
	}
}

// Files that others have made are as large as the shape and the type say.
func TestBytes(t *testing.T) {
	checked := 0
	for _, c := range catalog.Embedded().All() {
		whole, ok := FromCatalog(c)
		for _, f := range c.Files {
			if !ok || f.Size == 0 || f.Role != catalog.Weights {
				continue
			}
			m, err := whole.Quantized(f.Type)
			if err != nil {
				t.Fatal(err)
			}
			if off := float64(m.Bytes()-f.Size) / float64(f.Size); math.Abs(off) > 0.001 {
				t.Errorf("%s at %s: %d bytes, and %s has %d (%+.2f %%)", c.Name, f.Type, m.Bytes(), f.Path, f.Size, 100*off)
			}
			checked++
		}
	}
	if checked < 20 {
		t.Errorf("only %d files were compared", checked)
	}
}

func TestTower(t *testing.T) {
	c := model(t, "pixtral-12b")
	f, ok := c.Projector()
	if !ok {
		t.Fatal("the catalogue has no projector of Pixtral")
	}
	if got := encoderBytes(*c.Vision, *c.Shape); math.Abs(float64(got-f.Size)) > 0.001*float64(f.Size) {
		t.Errorf("Pixtral's tower has %d bytes by its shape, and %s has %d", got, f.Path, f.Size)
	}
}

var (
	laptop      = Machine{Memory: 16e9, Free: 9.8e9, Bandwidth: 40e9}
	workstation = Machine{Memory: 128e9, Free: 120e9, Bandwidth: 200e9}
	gaming      = Machine{Memory: 32e9, Free: 28e9, Bandwidth: 60e9, GPUs: []Device{{Name: "CUDA0", Total: 12e9, Free: 11.5e9}}}
	twoCards    = Machine{Memory: 64e9, Free: 60e9, GPUs: []Device{{Name: "CUDA0", Total: 24e9, Free: 23.5e9}, {Name: "CUDA1", Total: 24e9, Free: 23.5e9}}}
	apple       = Machine{Memory: 36e9, Free: 30e9, Bandwidth: 150e9, GPUs: []Device{{Name: "Metal", Total: 28e9, Free: 28e9, Unified: true}}}
)

func TestVerdict(t *testing.T) {
	for _, c := range []struct {
		name, kind string
		machine    Machine
		want       Verdict
		layers     int // on GPUs
	}{
		{"ministral-3-3b", "Q4_K_M", laptop, Fits, 0},
		{"mistral-7b", "Q4_K_M", laptop, Fits, 0},
		{"codestral", "Q4_K_M", laptop, Tight, 0},
		{"codestral", "Q8_0", laptop, No, 0},
		{"mistral-large-2", "Q4_K_M", laptop, No, 0},
		{"mistral-large-2", "Q4_K_M", workstation, Fits, 0},
		{"codestral-mamba", "Q4_K_M", laptop, Fits, 0},
		{"mixtral-8x7b", "Q4_K_M", laptop, No, 0},
		{"devstral-small-2", "Q4_K_M", workstation, Fits, 0}, // only its parameters are known
		{"mistral-7b", "Q4_K_M", gaming, Fits, 32},
		{"codestral", "Q4_K_M", gaming, Fits, 40},
		{"mistral-large-2", "Q4_K_M", gaming, No, 11},
		{"codestral", "Q8_0", twoCards, Fits, 56},
		{"mistral-nemo", "Q4_K_M", apple, Fits, 40},
		{"mixtral-8x22b", "Q4_K_M", apple, No, 0},
	} {
		p := planned(t, c.name, c.kind, c.machine, engine.LoadOptions{})
		if p.Verdict != c.want || p.Layers != c.layers {
			t.Errorf("%s at %s: %s with %d of %d layers on GPUs, want %s and %d: it needs %.1f GB, %.1f of them there", c.name, c.kind, p.Verdict, p.Layers, p.Blocks, c.want, c.layers, float64(p.Need)/1e9, float64(p.OnGPU)/1e9)
		}
		if (p.Verdict == No) != (p.Longest == 0) {
			t.Errorf("%s at %s: %s, and a context of %d", c.name, c.kind, p.Verdict, p.Longest)
		}
		if p.Need != p.Weights+p.KV+p.Compute+p.Projector {
			t.Errorf("%s: the parts are not the whole: %+v", c.name, p)
		}
	}
}

func TestOptions(t *testing.T) {
	none := 0
	few := 5
	whole := planned(t, "mistral-7b", "Q4_K_M", gaming, engine.LoadOptions{})
	if p := planned(t, "mistral-7b", "Q4_K_M", gaming, engine.LoadOptions{GPULayers: &none}); p.Layers != 0 || p.OnGPU != 0 || p.Speed == 0 {
		t.Errorf("without the GPU: %+v", p)
	}
	if p := planned(t, "mistral-7b", "Q4_K_M", gaming, engine.LoadOptions{GPULayers: &few}); p.Layers != 5 || p.OnGPU >= whole.OnGPU || p.Speed != 0 {
		t.Errorf("with five layers on it: %+v", p)
	}
	small := Machine{Memory: 8e9, Free: 6e9}
	long := planned(t, "mistral-7b", "Q4_K_M", small, engine.LoadOptions{Context: 16384})
	short := planned(t, "mistral-7b", "Q4_K_M", laptop, engine.LoadOptions{Context: 2048})
	packed := planned(t, "mistral-7b", "Q4_K_M", small, engine.LoadOptions{Context: 16384, KVType: "q8_0"})
	if long.KV != 8*short.KV || packed.KV >= long.KV*6/10 || packed.Longest <= long.Longest {
		t.Errorf("KV takes %d and %d bytes, and %d with 8 bits", long.KV, short.KV, packed.KV)
	}
	if p := planned(t, "mistral-7b", "Q4_K_M", workstation, engine.LoadOptions{Context: 1 << 20}); p.Context != 32768 || p.Longest != 32768 {
		t.Errorf("beyond what it is good for: %+v", p)
	}
	if p := planned(t, "mistral-7b", "Q4_K_M", Machine{}, engine.LoadOptions{}); p.Verdict != No || p.Speed != 0 {
		t.Errorf("on a machine of which nothing is known: %+v", p)
	}
}

// The speed is that of reading what a token takes: a mixture is as fast as the
// experts that are used.
func TestSpeed(t *testing.T) {
	seven := planned(t, "mistral-7b", "Q4_K_M", laptop, engine.LoadOptions{}).Speed
	if want := 40e9 * bandwidthShare / 4.3e9; math.Abs(seven-want) > 0.1*want {
		t.Errorf("a 7B model writes %.1f tok/s, want about %.1f", seven, want)
	}
	mixtral := planned(t, "mixtral-8x7b", "Q4_K_M", workstation, engine.LoadOptions{}).Speed
	dense := planned(t, "codestral", "Q4_K_M", workstation, engine.LoadOptions{}).Speed
	if mixtral < dense*1.4 {
		t.Errorf("Mixtral writes %.1f tok/s, and a dense model of half its size %.1f", mixtral, dense)
	}
	// The 3B model reads its embedding as its output matrix; the 8B has both.
	tied := planned(t, "ministral-3-3b", "Q4_K_M", laptop, engine.LoadOptions{})
	if got := laptop.Bandwidth * bandwidthShare / tied.Speed; math.Abs(got-float64(tied.Weights)) > 1 {
		t.Errorf("of %d bytes of tied weights %.0f are read", tied.Weights, got)
	}
}

func TestBest(t *testing.T) {
	for _, c := range []struct {
		name    string
		machine Machine
		kind    string
		verdict Verdict
	}{
		{"ministral-3-3b", workstation, "Q8_0", Fits},
		{"mistral-7b", workstation, "Q8_0", Fits},
		{"ministral-3-3b", laptop, "Q6_K", Fits}, // Q8_0 would be slower to read than a person is
		{"mistral-7b", laptop, "Q4_K_M", Fits},   // slow, and a smaller type would be worse
		{"codestral", laptop, "Q4_K_M", Tight},
		{"codestral", Machine{Memory: 16e9, Free: 14e9, Bandwidth: 40e9}, "Q3_K_M", Fits},
		{"mistral-large-2", laptop, "Q4_K_M", No},
		{"codestral", twoCards, "Q8_0", Fits},
	} {
		m, _ := FromCatalog(model(t, c.name))
		p, err := m.Best(c.machine, engine.LoadOptions{})
		if err != nil || p.Type != c.kind || p.Verdict != c.verdict {
			t.Errorf("%s: %s %s at %.1f tok/s, %v; want %s %s", c.name, p.Type, p.Verdict, p.Speed, err, c.kind, c.verdict)
		}
	}
}

func TestInstalled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if err := tinymodel.Write(path, tinymodel.Options{Width: 256, Weights: gguf.Q4_0, Context: 1024}); err != nil {
		t.Fatal(err)
	}
	f, err := gguf.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	m := FromFile(f, 1000)
	p := m.Plan(laptop, engine.LoadOptions{})
	if m.Type != "Q4_0" || m.Bytes() != f.Size() || p.Context != 1024 || p.Projector != 1000 || p.Verdict != Fits || p.Blocks != 2 {
		t.Errorf("%+v, %+v", m, p)
	}
}

func TestAsRefuses(t *testing.T) {
	m, _ := FromCatalog(model(t, "mistral-7b"))
	if _, err := m.Quantized("Q9"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a type that is none: %v", err)
	}
	narrow := FromFile(&gguf.File{Tensors: []gguf.Tensor{{Name: "blk.0.ffn_up.weight", Type: gguf.F16, Dims: []int64{48, 3}}}}, 0)
	if _, err := narrow.Quantized("Q4_0"); fault.KindOf(err) != fault.Invalid {
		t.Errorf("rows that cannot be packed: %v", err)
	}
	if _, ok := FromCatalog(model(t, "mistral-embed")); ok {
		t.Error("something is known of a model without weights")
	}
}

// What can be chosen as the best exists, from the best to the worst.
func TestQualities(t *testing.T) {
	var names []string
	for _, k := range quantize.Types() {
		names = append(names, k.Name)
	}
	last := len(names)
	for _, q := range qualities {
		i := slices.Index(names, q)
		if i < 0 || i >= last {
			t.Errorf("%s is not smaller than the one before it", q)
		}
		last = i
	}
}
