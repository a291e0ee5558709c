package tune

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/fault"
)

// The test binary plays the Python program: TUNE_SCRIPT says what happens at which step.
func TestMain(m *testing.M) {
	if what, ok := os.LookupEnv("TUNE_SCRIPT"); ok {
		os.Exit(play(what, slices.Contains(os.Args, "--probe")))
	}
	os.Exit(m.Run())
}

func play(what string, probe bool) int {
	emit := func(format string, args ...any) { fmt.Printf(format+"\n", args...) }
	kind, at, _ := strings.Cut(what, " ")
	n, _ := strconv.Atoi(at)
	switch kind {
	case "no-packages":
		emit(`{"event":"error","kind":"packages","message":"ModuleNotFoundError: No module named 'peft'"}`)
		return 1
	case "offline":
		fmt.Fprintln(os.Stderr, "error: dns error: failed to lookup address information: Temporary failure in name resolution")
		return 2
	case "silent":
		return 0
	case "full":
		fmt.Fprintln(os.Stderr, "OSError: [Errno 28] No space left on device")
		return 1
	case "broken":
		fmt.Fprintln(os.Stderr, "Traceback\n\x1b]0;x\x07SyntaxError: invalid syntax")
		return 1
	}
	if probe {
		emit(`{"event":"probe","device":"cpu","name":"CPU","dtype":"float32"}`)
		return 0
	}
	stopped := make(chan bool)
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); close(stopped) }()
	var job Job
	data, _ := os.ReadFile("job.json")
	_ = json.Unmarshal(data, &job)
	step := 0
	if data, err := os.ReadFile("checkpoint/adapter_config.json"); err == nil {
		step, _ = strconv.Atoi(string(data))
	}
	save := func() {
		_ = os.MkdirAll("checkpoint", 0o700)
		_ = os.WriteFile("checkpoint/adapter_config.json", []byte(strconv.Itoa(step)), 0o600)
		emit(`{"event":"saved","step":%d}`, step)
	}
	fmt.Println("not an event\n{\"event\":\"loading\"}\n" + strings.Repeat("x", 2*maxEvent))
	emit(`{"event":"loaded","step":%d,"steps":%d}`, step, job.Steps)
	for step < job.Steps {
		if step == n {
			switch kind {
			case "nan", "memory", "disk", "internal":
				emit(`{"event":"error","kind":%q,"step":%d,"message":"RuntimeError: \u001b[31mred"}`, kind, step)
				return 1
			case "die":
				p, _ := os.FindProcess(os.Getpid())
				_ = p.Kill()
				select {}
			case "wait":
				<-stopped
				save()
				emit(`{"event":"stopped","step":%d}`, step)
				return 0
			}
		}
		step++
		emit(`{"event":"step","step":%d,"loss":0.5,"tokens":8}`, step)
		save()
	}
	emit(`{"event":"done","step":%d}`, step)
	return 0
}

// prepared is the folder of a job with 5 steps.
func prepared(t *testing.T) *Folder {
	t.Helper()
	f, err := OpenFolder(filepath.Join(t.TempDir(), "job"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	j := Job{Settings: Defaults()}
	j.Steps = 5
	if err := f.Save(j); err != nil {
		t.Fatal(err)
	}
	return f
}

func scripted(what string) Trainer {
	return Trainer{Command: []string{os.Args[0]}, Env: []string{"TUNE_SCRIPT=" + what}}
}

func TestFailuresLoseNothing(t *testing.T) {
	for _, c := range []struct {
		script string
		kind   fault.Kind
		msg    string
	}{
		{"nan 3", fault.BadData, "train: the loss is not a number at step 4"},
		{"memory 3", fault.NoMemory, "train: the memory is full at step 4"},
		{"disk 3", fault.NoSpace, "train: the disk is full at step 4"},
		{"internal 3", fault.Crashed, "RuntimeError"},
		{"die 3", fault.Crashed, "train, at step 4: the Python program ended"},
	} {
		t.Run(c.script, func(t *testing.T) {
			f := prepared(t)
			steps := 0
			count := func(e Event) {
				if e.Event == "step" {
					steps++
				}
			}
			err := scripted(c.script).Train(t.Context(), f, count)
			if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.msg) || steps != 3 {
				t.Errorf("%d steps, %s: %v", steps, fault.KindOf(err), err)
			}
			if _, advice := fault.Explain(err); !strings.Contains(advice, "--resume") {
				t.Errorf("advises %q", advice)
			}
			if strings.Contains(err.Error(), "\n") || !f.Started() {
				t.Errorf("%q", err)
			}
			if err := scripted("go").Train(t.Context(), f, count); err != nil || steps != 5 {
				t.Errorf("resumed: %d steps in all, %v", steps, err)
			}
		})
	}
}

func TestInterruptSaves(t *testing.T) {
	f := prepared(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	stop := errors.New("interrupted")
	saved := 0
	err := scripted("wait 2").Train(ctx, f, func(e Event) {
		if e.Event == "step" && e.Step == 2 {
			cancel(stop)
		}
		if e.Event == "saved" {
			saved = e.Step
		}
	})
	if !errors.Is(err, stop) || saved != 2 || !f.Started() {
		t.Errorf("saved step %d, %v", saved, err)
	}
}

func TestBeforeTheFirstStep(t *testing.T) {
	for _, c := range []struct {
		script string
		kind   fault.Kind
		msg    string
	}{
		{"no-packages", fault.NotFound, "has not all packages: ModuleNotFoundError: No module named 'peft'"},
		{"offline", fault.Network, "the Python packages cannot be downloaded: no network"},
		{"full", fault.NoSpace, "the disk is full"},
		{"silent", fault.Crashed, os.Args[0] + " ended without a result"},
		{"broken", fault.Crashed, "the Python program ended (exit status 1): "},
	} {
		_, err := scripted(c.script).Probe(t.Context(), prepared(t))
		if fault.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.msg) {
			t.Errorf("%s: %s, %v", c.script, fault.KindOf(err), err)
		}
	}
	if e, err := scripted("go").Probe(t.Context(), prepared(t)); err != nil || e.Device != "cpu" {
		t.Errorf("%+v, %v", e, err)
	}
	_, err := Trainer{Command: []string{filepath.Join(t.TempDir(), "python")}}.Probe(t.Context(), prepared(t))
	if fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
}

func TestFolderIsForOneProcess(t *testing.T) {
	f := prepared(t)
	if _, err := OpenFolder(f.Dir); fault.KindOf(err) != fault.Busy {
		t.Error(err)
	}
	if err := os.WriteFile(f.Path(jobName), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Job(); fault.KindOf(err) != fault.BadData {
		t.Error(err)
	}
}

func TestWrite(t *testing.T) {
	f := prepared(t)
	var lines []string
	for i := range 25 {
		lines = append(lines, fmt.Sprintf(`{"prompt":"%d?","completion":"%d"}`, i, i))
	}
	e := openTokenizer(t, "tekken_tiny_v3.json")
	train, valid, err := f.Write(t.Context(), Source{Train: file(t, lines...), Encoder: e, SequenceLength: 64})
	if err != nil {
		t.Fatal(err)
	}
	if train.Examples != 25 || train.Sequences != 23 || valid.Examples != 2 || valid.Sequences != 2 {
		t.Errorf("%+v, %+v", train, valid)
	}
	held, err := os.ReadFile(f.Path(ValidName))
	line := func(n int) string {
		return fmt.Sprintf(`{"messages":[{"role":"user","content":"%d?"},{"role":"assistant","content":"%d"}]}`, n, n) + "\n"
	}
	if want := line(9) + line(19); err != nil || string(held) != want {
		t.Errorf("held out %q, %v", held, err)
	}
	index, err := os.ReadFile(f.Path("train.index"))
	tokens, err2 := os.ReadFile(f.Path("train.tokens"))
	if err := errors.Join(err, err2); err != nil || len(index) != 24*8 || len(tokens) == 0 || len(tokens)%4 != 0 {
		t.Errorf("%d and %d bytes, %v", len(index), len(tokens), err)
	}
	if _, _, err := f.Write(t.Context(), Source{Train: file(t, "{"), Encoder: e, SequenceLength: 64}); fault.KindOf(err) != fault.Usage {
		t.Error(err)
	}
	if again, _ := os.ReadFile(f.Path("train.tokens")); string(again) != string(tokens) {
		t.Error("a file with faults replaced the tokens")
	}
}

func TestPlan(t *testing.T) {
	cache := t.TempDir()
	only := func(names ...string) func(string) (string, error) {
		return func(name string) (string, error) {
			if slices.Contains(names, name) {
				return filepath.Join(cache, name), nil
			}
			return "", os.ErrNotExist
		}
	}
	p := Python{Cache: cache, LookPath: only("uv", "python3")}
	plan, err := p.Plan()
	if err != nil || !plan.Download || plan.With != "uv" || plan.Trainer.Command[len(plan.Trainer.Command)-1] != "--script" {
		t.Errorf("%+v, %v", plan, err)
	}
	p.LookPath = only("python3")
	if plan, err = p.Plan(); err != nil || !plan.Download || !strings.Contains(plan.With, cache) {
		t.Errorf("%+v, %v", plan, err)
	}
	p.LookPath = only()
	if _, err = p.Plan(); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
	p.Given = "python9"
	if _, err = p.Plan(); fault.KindOf(err) != fault.NotFound {
		t.Error(err)
	}
	if got, want := p.Requirements(), "torch, transformers, peft, accelerate, gguf, sentencepiece, protobuf and numpy"; got != want {
		t.Errorf("requires %s", got)
	}
}

func TestExport(t *testing.T) {
	data := file(t, good, `{"messages":[{"role":"user","content":"c"},{"role":"assistant","content":"d","weight":1}]}`)
	s := Defaults()
	for _, target := range Targets {
		e := Export{Target: target, Dir: t.TempDir(), Data: data, Model: "m: x", Settings: s, HeldOut: func(i int) bool { return i == 1 }}
		if target == Axolotl {
			e.Encoder = openTokenizer(t, "tekken_tiny_v3.json")
		}
		files, err := e.Write(t.Context())
		if err != nil || len(files) != 3 {
			t.Fatal(files, err)
		}
		if files, err := e.Write(t.Context()); fault.KindOf(err) != fault.Usage || !strings.HasSuffix(err.Error(), "train.jsonl exists") {
			t.Errorf("a second time: %v, %v", files, err)
		}
		for _, path := range files[:2] {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			lines := 0
			for in := bufio.NewScanner(f); in.Scan(); lines++ {
				var row struct {
					IDs    []int32 `json:"input_ids"`
					Labels []int32
				}
				if err := json.Unmarshal(in.Bytes(), &row); err != nil {
					t.Fatal(err)
				}
				if target == Axolotl && (len(row.IDs) != 6 || !slices.Equal(row.Labels[:4], []int32{-100, -100, -100, -100}) || !slices.Equal(row.Labels[4:], row.IDs[4:])) {
					t.Errorf("%s", in.Bytes())
				}
			}
			f.Close()
			if lines != 1 {
				t.Errorf("%s has %d lines", path, lines)
			}
		}
	}
	for _, target := range Targets {
		e := Export{Target: target, Dir: t.TempDir(), Data: file(t, good), Model: "m", Settings: s, HeldOut: func(int) bool { return false }}
		if target == Axolotl {
			e.Encoder = openTokenizer(t, "tekken_tiny_v3.json")
		}
		files, err := e.Write(t.Context())
		if err != nil || len(files) != 2 || exists(filepath.Join(e.Dir, "eval.jsonl")) {
			t.Fatal(files, err)
		}
		text, err := os.ReadFile(files[1])
		for _, entry := range []string{"eval.jsonl", "test_datasets", "eval_freq", "validation_files"} {
			if err != nil || strings.Contains(string(text), entry) {
				t.Errorf("%s has %s: %v", files[1], entry, err)
			}
		}
	}
	e := Export{Target: LaPlateforme, Dir: t.TempDir(), Data: file(t, "{")}
	if files, err := e.Write(t.Context()); fault.KindOf(err) != fault.Usage || exists(files[0]) {
		t.Error(files, err)
	}
}

func TestSettingsCheck(t *testing.T) {
	s := Defaults()
	s.SequenceLength = 1
	if err := s.Check(); fault.KindOf(err) != fault.Usage || err.Error() != "invalid --sequence-length 1: want 16 to 1048576" {
		t.Error(err)
	}
}

func TestEstimate(t *testing.T) {
	if s := Defaults(); s.StepsFor(400) != 150 || s.StepsFor(1) != 1 {
		t.Error(s.StepsFor(400), s.StepsFor(1))
	}
	if d := Duration(1e300); d < time.Hour {
		t.Error(d)
	}
}
