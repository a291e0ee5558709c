package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// TestLinesAreTheReferences compares with what mistral-common makes of the same
// requests, pictures and refusals among them.
func TestLinesAreTheReferences(t *testing.T) {
	fixtures, err := filepath.Abs("../../shared/fixtures")
	if err != nil {
		t.Fatal(err)
	}
	read := func(name string, to any) {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(fixtures, filepath.FromSlash(name)))
		if err != nil {
			t.Skip("no fixtures at hand: ", err)
		}
		if err := json.Unmarshal(data, to); err != nil {
			t.Fatal(err)
		}
	}
	var chats []struct{ Request json.RawMessage }
	var gaps []json.RawMessage
	var texts []string
	read("cases/chats.json", &chats)
	read("cases/fims.json", &gaps)
	read("cases/strings.json", &texts)
	var lines []string
	for _, c := range chats {
		lines = append(lines, string(c.Request))
	}
	for _, g := range gaps {
		lines = append(lines, string(g))
	}
	for _, s := range texts {
		line, err := json.Marshal(map[string]string{"text": s})
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	for i, line := range lines {
		lines[i] = strings.ReplaceAll(strings.ReplaceAll(line, "\r", ""), "\n", "")
	}
	t.Chdir(filepath.Join(fixtures, "cases")) // where pictures are
	for model, tokenizer := range map[string]string{
		"mistral-7b-v0.1": "sp_tiny.model.v1", "codestral-mamba-7b": "sp_tiny.model.v3",
		"pixtral-12b": "tekken_tiny_v3.json", "ministral-3-3b": "tekken_tiny_v13.json",
	} {
		t.Run(model, func(t *testing.T) {
			type answer struct {
				Tokens []int32
				Error  string
			}
			var golden struct{ Chats, Fims, Strings []answer }
			read("prompts/"+tokenizer+".golden.json", &golden)
			want := slices.Concat(golden.Chats, golden.Fims, golden.Strings)
			path := filepath.Join(fixtures, "gguf", model)
			args := []string{"tokenize", "--jsonl", "-m", path + ".f32.gguf"}
			if _, err := os.Stat(path + ".mmproj.f32.gguf"); err == nil {
				args = append(args, "--projector", path+".mmproj.f32.gguf")
			}
			got := runWith(t, engines{}, strings.Join(lines, "\n"), args...)
			answers := strings.Split(strings.TrimSpace(got.stdout), "\n")
			if got.code != 0 || len(answers) != len(lines) || len(want) != len(lines) {
				t.Fatalf("%d answers to %d lines, of which %d are known; %s", len(answers), len(lines), len(want), got.stderr)
			}
			for i, line := range answers {
				var a answer
				if err := json.Unmarshal([]byte(line), &a); err != nil {
					t.Fatal(err)
				}
				if want[i].Tokens == nil && a.Error == "" || want[i].Tokens != nil && !slices.Equal(a.Tokens, want[i].Tokens) {
					t.Errorf("%s\ngot  %s\nwant %v", lines[i], line, want[i].Tokens)
				}
			}
		})
	}
}

// TestLinesByTheEngine asks the engine where the file alone does not do.
func TestLinesByTheEngine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "chatml.gguf")
	if err := tinymodel.Write(path, tinymodel.ChatML()); err != nil {
		t.Fatal(err)
	}
	got := runBise(t, enginetest.Says("x"), `{"text":"Hi"}
{"messages":[{"role":"user","content":"Hi"}]}
{"prompt":"a","suffix":"b"}
`, "tokenize", "--jsonl", "-m", path)
	lines := strings.Split(got.stdout, "\n")
	if got.code != 0 || len(lines) != 4 || lines[0] != `{"tokens":[72,105]}` {
		t.Errorf("got %+v", got)
	}
	for _, line := range lines[:len(lines)-1] {
		if !strings.HasPrefix(line, `{"tokens":[`) {
			t.Errorf("got %s", line)
		}
	}
	refuse := func(context.Context, string, engine.LoadOptions) (engine.Engine, error) {
		return nil, &fault.Error{Kind: fault.NoMemory, Msg: "there is no room"}
	}
	failed := runWith(t, engines{open: refuse}, "", "tokenize", "--jsonl", "-m", path)
	if failed.code != fault.ExitModel || !strings.Contains(failed.stderr, "there is no room") {
		t.Errorf("got %+v", failed)
	}
}

// TestLinesAreAnsweredAtOnce talks to the verb as another program would.
func TestLinesAreAnsweredAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "tiny.gguf")
	if err := tinymodel.Write(path, tinymodel.Mistral()); err != nil {
		t.Fatal(err)
	}
	for _, place := range []string{"CONFIG_HOME", "DATA_HOME", "STATE_HOME", "CACHE_HOME", "RUNTIME_DIR"} {
		t.Setenv("XDG_"+place, t.TempDir())
	}
	stdin, ask := io.Pipe()
	answer, stdout := io.Pipe()
	done := make(chan int)
	go func() {
		code := run([]string{"tokenize", "--jsonl", "-m", path}, stdin, stdout, io.Discard, engines{load: loadHere})
		stdout.Close()
		done <- code
	}()
	lines := bufio.NewScanner(answer)
	for range 3 {
		if _, err := io.WriteString(ask, "{\"text\":\"hello\"}\n"); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() || !strings.HasPrefix(lines.Text(), `{"tokens":[`) {
			t.Fatalf("got %q, %v", lines.Text(), lines.Err())
		}
	}
	ask.Close()
	if lines.Scan() {
		t.Errorf("nobody asked for %q", lines.Text())
	}
	if code := <-done; code != 0 {
		t.Errorf("the exit code is %d", code)
	}
}

func TestEachLine(t *testing.T) {
	collect := func(ctx context.Context, r io.Reader) (lines []string, ended bool, err error) {
		err = console.EachLine(ctx, r, func(line []byte, _ bool) error {
			lines = append(lines, string(line))
			return nil
		}, func() error { ended = true; return nil })
		return lines, ended, err
	}
	lines, ended, err := collect(t.Context(), strings.NewReader("a\r\n\n"+strings.Repeat("b", 200_000)+"\nc"))
	if err != nil || !ended || len(lines) != 4 || lines[0] != "a" || lines[1] != "" || len(lines[2]) != 200_000 || lines[3] != "c" {
		t.Errorf("%d lines, %v, %v", len(lines), ended, err)
	}
	if _, _, err := collect(t.Context(), io.MultiReader(strings.NewReader("a\n"), endless{})); err == nil || !strings.Contains(err.Error(), "line 2 is longer than") {
		t.Errorf("got %v", err)
	}
	stopped := errors.New("stopped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stopped)
	silent, never := io.Pipe()
	defer never.Close()
	if _, _, err := collect(ctx, silent); !errors.Is(err, stopped) {
		t.Errorf("got %v", err)
	}
}

// endless is a line without an end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func BenchmarkLines(b *testing.B) {
	path := filepath.Join(b.TempDir(), "tiny.gguf")
	if err := tinymodel.Write(path, tinymodel.Mistral()); err != nil {
		b.Fatal(err)
	}
	for _, place := range []string{"CONFIG_HOME", "DATA_HOME", "STATE_HOME", "CACHE_HOME", "RUNTIME_DIR"} {
		b.Setenv("XDG_"+place, b.TempDir())
	}
	requests := strings.Repeat("{\"messages\":[{\"role\":\"user\",\"content\":\"How does a slice grow in Go?\"}]}\n", 10_000)
	for b.Loop() {
		if code := run([]string{"tokenize", "--jsonl", "-m", path}, strings.NewReader(requests), io.Discard, io.Discard, engines{load: loadHere}); code != 0 {
			b.Fatal(code)
		}
	}
	b.ReportMetric(10_000*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
