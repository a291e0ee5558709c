package cli

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// playTrainer is the Python program of bise tune: it writes an adapter that changes nothing.
// TUNE_NAN is the step at which the loss is not a number.
func playTrainer() {
	emit := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	if slices.Contains(os.Args, "--probe") {
		emit(`{"event":"probe","device":"cpu","name":"CPU"}`)
		return
	}
	go func() { _, _ = io.Copy(io.Discard, os.Stdin) }()
	var job struct{ Steps, Rank int }
	data, err := os.ReadFile("job.json")
	if err == nil {
		err = json.Unmarshal(data, &job)
	}
	step := 0
	if data, err := os.ReadFile("checkpoint/step"); err == nil {
		step, _ = strconv.Atoi(string(data))
	}
	emit(`{"event":"loaded","device":"CPU","dtype":"float32","step":%d,"steps":%d}`, step, job.Steps)
	if step == 0 {
		emit(`{"event":"valid","step":0,"loss":2.5}`)
	}
	for ; step < job.Steps && err == nil; step++ {
		if os.Getenv("TUNE_NAN") == strconv.Itoa(step) {
			emit(`{"event":"error","kind":"nan","step":%d,"message":"the loss is not a number"}`, step)
			os.Exit(1)
		}
		err = writeCheckpoint("checkpoint", job.Rank, step+1)
		emit(`{"event":"step","step":%d,"loss":0.5,"tokens":8}`, step+1)
		emit(`{"event":"saved","step":%d}`, step+1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	emit(`{"event":"valid","step":%d,"loss":0.125}`, step)
	emit(`{"event":"done","step":%d}`, step)
}

// writeCheckpoint writes an adapter of PEFT for a tiny model, all zeros.
func writeCheckpoint(dir string, rank, step int) error {
	const width = 64
	part := func(rows, columns, from int) map[string]any {
		return map[string]any{"dtype": "F32", "shape": []int{rows, columns}, "data_offsets": []int{from, from + 4*rows*columns}}
	}
	const name = "base_model.model.model.layers.0.self_attn.q_proj.lora_"
	header, err := json.Marshal(map[string]any{name + "A.weight": part(rank, width, 0), name + "B.weight": part(width, rank, 4*rank*width)})
	if err != nil {
		return err
	}
	file := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	file = append(append(file, header...), make([]byte, 8*rank*width)...)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	config := fmt.Sprintf(`{"peft_type":"LORA","r":%d,"lora_alpha":%d}`, rank, 2*rank)
	for name, data := range map[string][]byte{"adapter_model.safetensors": file, "adapter_config.json": []byte(config), "step": []byte(strconv.Itoa(step))} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// tuneFiles makes a model and 20 examples, and goes to their folder.
func tuneFiles(t *testing.T) {
	t.Helper()
	t.Chdir(t.TempDir())
	if err := tinymodel.Write("tiny.gguf", tinymodel.Options{}); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for i := range 20 {
		lines = append(lines, fmt.Sprintf(`{"prompt":"%c?","completion":"yes"}`, 'a'+i))
	}
	for name, text := range map[string]string{"train.jsonl": strings.Join(lines, "\n"), "bad.jsonl": lines[0] + "\n{}\n" + lines[0], "empty.jsonl": "\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTune(t *testing.T) {
	python, err := exec.LookPath("tune-trainer")
	if err != nil {
		t.Fatal(err)
	}
	tuneFiles(t)
	// The model says no and the new one yes.
	models := engines{open: func(_ context.Context, ref string, _ engine.LoadOptions) (engine.Engine, error) {
		said := "no"
		if ref == "mine" {
			said = "yes"
		}
		return &enginetest.Script{About: engine.Info{Model: ref}, Replies: slices.Repeat([]enginetest.Reply{{enginetest.Text(said)}}, 10)}, nil
	}}
	bise := func(want int, args ...string) ran {
		t.Helper()
		r := runWith(t, models, "", append([]string{"tune"}, args...)...)
		if r.code != want {
			t.Fatalf("bise tune %v exits with %d: %s%s", args, r.code, r.stdout, r.stderr)
		}
		return r
	}
	says := func(r ran, texts ...string) {
		t.Helper()
		for _, text := range texts {
			if !strings.Contains(r.stdout+r.stderr, text) {
				t.Errorf("does not say %q:\n%s%s", text, r.stdout, r.stderr)
			}
		}
	}
	train := []string{"mine", "-m", "tiny.gguf", "--data", "train.jsonl", "--python", python}

	says(bise(fault.ExitUsage, "mine"), "tune needs data")
	says(bise(fault.ExitUsage, "--data", "train.jsonl"), "tune needs a name")
	says(bise(fault.ExitUsage, "My Model", "--data", "train.jsonl"), `invalid model name "My Model"`)
	says(bise(fault.ExitUsage, "mine", "--data", "train.jsonl", "--batch", "0"), "invalid --batch 0: want 1 to 4096")
	says(bise(fault.ExitUsage, append(train, "--valid", "none.jsonl")...), "cannot read none.jsonl")
	says(bise(fault.ExitUsage, "mine", "-m", "tiny.gguf", "--data", "empty.jsonl"), "empty.jsonl is empty")
	says(bise(fault.ExitUsage, "mine", "-m", "tiny.gguf", "--data", "bad.jsonl"), "cannot train on bad.jsonl: line 2 has none of messages, text and prompt")
	says(bise(fault.ExitModel, "mine", "--resume"), "no training of mine is unfinished")

	says(bise(0, "mine", "-m", "tiny.gguf", "--data", "train.jsonl", "--dry-run", "--json", "--python", python), `"steps":7`)
	says(bise(0, "--check", "-m", "tiny.gguf", "--data", "train.jsonl"), "train.jsonl", "conversation", "on the CPU about")
	r := bise(0, "--check", "--json", "--data", "train.jsonl")
	var checked struct{ Data struct{ Examples, Wrong int } }
	if err := json.Unmarshal([]byte(r.stdout), &checked); err != nil || checked.Data.Examples != 20 {
		t.Errorf("%s: %v", r.stdout, err)
	}
	says(bise(fault.ExitUsage, "--check", "--data", "bad.jsonl"), "line 2 has none", "1 line left out, because it is repeated: line 3")
	says(bise(0, "--data", "bad.jsonl", "--fix", "fixed.jsonl"), "fixed.jsonl: 1 line", "removed 2", "bad.jsonl: 1 line left out: line 2 has none", "it is repeated: line 3", "With -m, --fix also")
	r = bise(0, "--data", "bad.jsonl", "--fix", "suited.jsonl", "-m", "tiny.gguf", "--json")
	var fixed struct {
		Written int
		Data    struct{ Problems []struct{ Line int } }
	}
	if err := json.Unmarshal([]byte(r.stdout), &fixed); err != nil || fixed.Written != 1 || len(fixed.Data.Problems) != 1 || fixed.Data.Problems[0].Line != 2 {
		t.Errorf("%s: %v", r.stdout, err)
	}
	says(bise(0, "--check", "--data", "fixed.jsonl"), "fixed.jsonl")
	says(bise(fault.ExitUsage, "--data", "train.jsonl", "--fix", "train.jsonl"), "name the same file")
	says(bise(0, "--data", "train.jsonl", "--export", "mistral-finetune", "--to", "out"), filepath.Join("out", "mistral-finetune.yaml"))
	says(bise(fault.ExitUsage, "--data", "train.jsonl", "--export", "la-plateforme", "--to", "out"), filepath.Join("out", "train.jsonl")+" exists")
	says(bise(0, "-m", "tiny.gguf", "--data", "train.jsonl", "--export", "axolotl", "--to", "rows"), filepath.Join("rows", "axolotl.yaml"))
	says(bise(0, append(train, "--dry-run")...), "7 steps", "less than a second", "Nothing was trained")
	says(bise(0, append(slices.Clone(train), "--data", "fixed.jsonl", "--dry-run")...), "0 examples for validation", "Nothing will be compared")
	says(bise(fault.ExitModel, append(slices.Clone(train[:5]), "--python", "no-such-python")...), "cannot run no-such-python")

	t.Setenv("TUNE_NAN", "3")
	r = bise(fault.ExitModel, train...)
	says(r, "the loss is not a number at step 4", "--resume --learning-rate")
	says(bise(fault.ExitUsage, train...), "a training of mine is unfinished")
	says(bise(fault.ExitUsage, append(train, "--resume", "--rank", "4")...), "--rank differs")
	t.Setenv("TUNE_NAN", "")
	r = bise(0, "mine", "--resume", "--learning-rate", "0.00001") // it remembers --python
	says(r, "mine is installed", "The loss on the validation data is 0.125", " alone is right in 0 cases, mine alone in 2.")
	says(bise(fault.ExitUsage, train...), "mine:f32 is already installed")
	says(bise(fault.ExitModel, "mine", "--resume"), "no training of mine is unfinished")
	says(runWith(t, models, "", "show", "mine"), "lora")
	says(runWith(t, models, "", "verify", "mine"), "mine")
}

// A question about a download cannot be answered in a pipe.
func TestTuneAsks(t *testing.T) {
	tuneFiles(t)
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "uv"), []byte("#!/bin/sh\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin)
	r := runWith(t, engines{}, "y\n", "tune", "mine", "-m", "tiny.gguf", "--data", "train.jsonl")
	if r.code != fault.ExitLicence || !strings.Contains(r.stderr, "needs your consent") {
		t.Errorf("%d: %s", r.code, r.stderr)
	}
	t.Setenv("PATH", t.TempDir())
	r = runWith(t, engines{}, "", "tune", "mine", "-m", "tiny.gguf", "--data", "train.jsonl", "--yes")
	if r.code != fault.ExitModel || !strings.Contains(r.stderr, "neither uv nor Python") {
		t.Errorf("%d: %s", r.code, r.stderr)
	}
}

// eval compares a model with and without an adapter, and knows the results of each apart.
func TestEvalAdapter(t *testing.T) {
	tuneFiles(t)
	o := tinymodel.Options{Seed: 3}
	o.Edit = func(m *gguf.Metadata) { m.Set("general.type", gguf.Of("adapter")) }
	if err := tinymodel.Write("lora.gguf", o); err != nil {
		t.Fatal(err)
	}
	asked := 0
	models := engines{open: func(_ context.Context, _ string, o engine.LoadOptions) (engine.Engine, error) {
		said := "no"
		if len(o.Adapters) > 0 {
			said = "yes"
		}
		asked++
		return &enginetest.Script{About: engine.Info{Model: "tiny"}, Replies: slices.Repeat([]enginetest.Reply{{enginetest.Text(said)}}, 20)}, nil
	}}
	for range 2 {
		r := runWith(t, models, "", "eval", "train.jsonl", "-m", "tiny.gguf", "--adapter", "lora.gguf=0.5")
		if r.code != 0 || !strings.Contains(r.stdout, "tiny + lora=0.5") || !strings.Contains(r.stdout, "tiny alone is right in 0 cases, tiny + lora=0.5 alone in 20.") {
			t.Errorf("%d: %s%s", r.code, r.stdout, r.stderr)
		}
	}
	r := runWith(t, models, "", "eval", "train.jsonl", "-m", "tiny.gguf")
	if !strings.Contains(r.stderr, "are known") || !strings.Contains(r.stdout, "0.0 %") {
		t.Errorf("%s%s", r.stdout, r.stderr)
	}
}
