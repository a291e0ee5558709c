//go:build cgo

package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
	"github.com/bise-sh/bise/safetensors"
)

// weightModels are the models that the scripts on weights have.
var weightModels = map[string]tinymodel.Options{
	"tiny.gguf":     {},
	"wide.gguf":     {Width: 256, FFN: 256},
	"other.gguf":    {Width: 256, FFN: 256, Seed: 1},
	"embedder.gguf": tinymodel.Embedder(),
	"chatml.gguf":   tinymodel.ChatML(),
	"effort.gguf": {Vocabulary: tinymodel.Tekken, Edit: func(m *gguf.Metadata) {
		m.Set("bise.prompt_version", gguf.Of("v15"))
	}},
}

// TestWeights runs the scripts of the verbs that work on weights, with llama.cpp
// as it is.
func TestWeights(t *testing.T) {
	models := t.TempDir()
	for name, o := range weightModels {
		if err := tinymodel.Write(filepath.Join(models, name), o); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.Repeat("the wind comes down from the north in winter, and nobody leaves a window open for it. ", 60)
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/weights",
		UpdateScripts: updating(),
		Cmds:          map[string]func(*testscript.TestScript, bool, []string){"damage": damage, "clean": clean, "asollama": asOllama},
		Setup: func(env *testscript.Env) error {
			for _, place := range []string{"CONFIG", "DATA", "STATE", "CACHE"} {
				env.Setenv("XDG_"+place+"_HOME", filepath.Join(env.WorkDir, "home", strings.ToLower(place)))
			}
			run := filepath.Join(env.WorkDir, "home", "run")
			if err := os.MkdirAll(run, 0o700); err != nil {
				return err
			}
			env.Setenv("XDG_RUNTIME_DIR", run)
			env.Setenv("BISE_MODEL", "")
			for name := range weightModels {
				data, err := os.ReadFile(filepath.Join(models, name))
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(env.WorkDir, name), data, 0o600); err != nil {
					return err
				}
			}
			return os.WriteFile(filepath.Join(env.WorkDir, "prose"), []byte(text), 0o600)
		},
	})
}

// asOllama FILE NAME:TAG moves a model to where Ollama would have it, and calls its
// file $BLOB.
func asOllama(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	ts.Setenv("BLOB", "sha256-"+sum)
	dir := ts.Getenv("OLLAMA_MODELS")
	ts.Check(os.Rename(path, filepath.Join(dir, "blobs", "sha256-"+sum)))
	name, tag, _ := strings.Cut(args[1], ":")
	manifest := fmt.Sprintf(`{"layers":[{"mediaType":"application/vnd.ollama.image.model","digest":"sha256:%s","size":%d}]}`, sum, len(data))
	ts.Check(os.WriteFile(filepath.Join(dir, "manifests", "registry.ollama.ai", "library", name, tag), []byte(manifest), 0o600))
}

// clean checks that nothing half done is left.
func clean(ts *testscript.TestScript, _ bool, _ []string) {
	left, err := filepath.Glob(ts.MkAbs(".bise-*"))
	ts.Check(err)
	if len(left) > 0 {
		ts.Fatalf("left behind: %q", left)
	}
}

// TestLogitsAreTheReferences compares what the verb writes with transformers.
func TestLogitsAreTheReferences(t *testing.T) {
	bise, err := exec.LookPath("bise")
	if err != nil {
		t.Fatal(err)
	}
	testPlaces(t)
	const fixtures = "../../shared/fixtures"
	for model, most := range map[string]float64{"mistral-7b-v0.1": 5e-5, "mixtral-8x7b": 5e-5, "codestral-mamba-7b": 5e-5, "pixtral-12b": 3e-2} {
		t.Run(model, func(t *testing.T) {
			golden := filepath.Join(fixtures, "models", model, "golden.safetensors")
			if _, err := os.Stat(golden); err != nil {
				t.Skip("no fixtures at hand: ", err)
			}
			ids, err := json.Marshal(numbersOf(t, golden, "input_ids"))
			if err != nil {
				t.Fatal(err)
			}
			out := filepath.Join(t.TempDir(), "out.safetensors")
			path := filepath.Join(fixtures, "gguf", model)
			args := []string{"logits", path + ".f32.gguf", "--tokens", "-", "-o", out, "--threads", "1"}
			compared := []string{"logits"}
			if model == "pixtral-12b" {
				args = append(args, "--projector", path+".mmproj.f32.gguf", "--image", filepath.Join(fixtures, "cases", "exact_224x112.png"))
				compared = append(compared, "image_embeds")
			}
			cmd := exec.CommandContext(t.Context(), bise, args...)
			cmd.Stdin = bytes.NewReader(ids)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, name := range compared {
				got, want := numbersOf(t, out, name), numbersOf(t, golden, name)
				if len(got) != len(want) {
					t.Fatalf("%s has %d numbers, want %d", name, len(got), len(want))
				}
				worst := 0.0
				for i := range got {
					worst = max(worst, math.Abs(got[i]-want[i]))
				}
				if worst > most {
					t.Errorf("%s is off by %g", name, worst)
				}
			}
		})
	}
}

// numbersOf reads a tensor of a safetensors file.
func numbersOf(t *testing.T, path, name string) (list []float64) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	file, err := safetensors.Decode(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range file.Tensors {
		if x.Name != name {
			continue
		}
		raw := data[x.Offset : x.Offset+x.Size()]
		for ; len(raw) > 0; raw = raw[x.Type.Size():] {
			if x.Type == safetensors.I64 {
				list = append(list, float64(int64(binary.LittleEndian.Uint64(raw))))
			} else {
				list = append(list, float64(math.Float32frombits(binary.LittleEndian.Uint32(raw))))
			}
		}
	}
	return list
}
