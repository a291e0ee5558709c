//go:build cgo && !windows

package cli

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/base64"
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

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf/nanomodel"
)

// TestNano asks a trained model through the program as it is: commands, servers and
// their worker are processes. What it asserts on is the content of the answers.
func TestNano(t *testing.T) {
	n := installNano(t)
	t.Run("ask", n.testAsk)
	t.Run("solve", n.testSolve)
	t.Run("votes", n.testVotes)
	t.Run("see", n.testSee)
	t.Run("resume", n.testResume)
	t.Run("complete", n.testComplete)
	t.Run("lsp", n.testLSP)
	t.Run("serve", n.testServe)
	t.Run("eval", n.testEval)
	t.Run("compare", n.testCompare)
	t.Run("quantize", n.testQuantize)
	t.Run("convert", n.testConvert)
}

// A nano is the home of a user who has installed test-nano and nothing else. Its worker is
// shared by all commands.
type nano struct {
	program, dir string
	env          []string
}

func installNano(t *testing.T) *nano {
	t.Helper()
	program, err := exec.LookPath("bise")
	if err != nil {
		t.Fatal(err)
	}
	n := &nano{program: program, dir: t.TempDir(), env: append(os.Environ(), "BISE_MODEL=")}
	for _, place := range []string{"CONFIG_HOME", "DATA_HOME", "STATE_HOME", "CACHE_HOME", "RUNTIME_DIR"} {
		n.env = append(n.env, "XDG_"+place+"="+n.path(place))
		if err := os.Mkdir(n.path(place), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, n.path("CONFIG_HOME/bise/config.toml"), "threads = 1\n")
	models := n.path("DATA_HOME/bise/models")
	if err := os.MkdirAll(models, 0o700); err != nil {
		t.Fatal(err)
	}
	nanomodel.Copy(t, models)
	t.Cleanup(func() { n.stop(t) })
	return n
}

func (n *nano) path(name string) string { return filepath.Join(n.dir, name) }

func (n *nano) command(args ...string) *exec.Cmd {
	cmd := exec.Command(n.program, args...)
	cmd.Env, cmd.Dir = n.env, n.dir
	return cmd
}

// run runs a command with more variables.
func (n *nano) run(t *testing.T, env []string, args ...string) ran {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := n.command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(cmd.Env, env...)
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// bise runs a command that must succeed and returns its stdout.
func (n *nano) bise(t *testing.T, args ...string) string {
	t.Helper()
	r := n.run(t, nil, args...)
	if r.code != fault.ExitOK {
		t.Fatalf("bise %q exits with %d:\n%s%s", args, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// json runs a command with --json and decodes its stdout.
func (n *nano) json(t *testing.T, into any, args ...string) {
	t.Helper()
	out := n.bise(t, append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		t.Fatalf("bise %q: %v\n%s", args, err, out)
	}
}

// stop ends the workers.
func (n *nano) stop(t *testing.T) {
	t.Helper()
	n.bise(t, "stop", "--all")
}

// some returns the surest items of a skill.
func some(t *testing.T, skill nanomodel.Skill, count int) []nanomodel.Item {
	t.Helper()
	list := nanomodel.Items(t, skill)
	slices.SortStableFunc(list, func(a, b nanomodel.Item) int { return cmp.Compare(b.Margin, a.Margin) })
	return list[:min(count, len(list))]
}

func (n *nano) testAsk(t *testing.T) {
	for _, x := range some(t, nanomodel.Ask, 3) {
		equal(t, x.Prompt, n.bise(t, "ask", "--no-history", "--temperature", "0", x.Prompt), x.Answer+"\n")
	}
}

// A solved is what bise solve prints.
type solved struct {
	Answer, Solution string
	Agree, Votes     int
	Tally            []struct {
		Answer string
		Count  int
	}
	Check struct{ OK bool }
}

// boxed is the number in a solution of an item.
func boxed(x nanomodel.Item) string {
	_, number, _ := strings.Cut(x.Answer, `\boxed{`)
	return strings.TrimSuffix(number, "}")
}

func (n *nano) testSolve(t *testing.T) {
	for _, x := range some(t, nanomodel.Solve, 2) {
		var r solved
		n.json(t, &r, "solve", x.Prompt)
		if r.Answer != boxed(x) || r.Solution != x.Answer || !r.Check.OK {
			t.Errorf("%s: got %+v, want %s", x.Prompt, r, x.Answer)
		}
		if text := n.bise(t, "solve", x.Prompt); !strings.HasSuffix(text, "\n"+boxed(x)+"\n") {
			t.Errorf("%s: %q does not end with the answer", x.Prompt, text)
		}
	}
}

func (n *nano) testVotes(t *testing.T) {
	for _, x := range some(t, nanomodel.Solve, 2) {
		var r solved
		n.json(t, &r, "solve", "--votes", "8", "--seed", "1", x.Prompt)
		counted := 0
		for _, group := range r.Tally {
			counted += group.Count
		}
		if r.Answer != boxed(x) || len(r.Tally) == 0 || r.Tally[0].Answer != boxed(x) || r.Tally[0].Count != r.Agree || counted > 8 || 2*r.Agree <= counted {
			t.Errorf("%s: got %+v, want %s", x.Prompt, r, boxed(x))
		}
	}
}

func (n *nano) testSee(t *testing.T) {
	for _, x := range some(t, nanomodel.See, 3) {
		equal(t, x.Image, n.bise(t, "see", "--no-history", "--temperature", "0", nanomodel.Path(t, x.Image), x.Prompt), x.Answer+"\n")
	}
}

// testResume asks second questions. Their answers differ from those to the question alone.
func (n *nano) testResume(t *testing.T) {
	for _, x := range some(t, nanomodel.Turn, 2) {
		equal(t, x.Before[0], n.bise(t, "ask", "--temperature", "0", x.Before[0]), x.Before[1]+"\n")
		equal(t, x.Prompt, n.bise(t, "ask", "-c", "--temperature", "0", x.Prompt), x.Answer+"\n")
	}
}

// source writes an item as a Go file and returns its path, and the line and column of the cursor.
func (n *nano) source(t *testing.T, x nanomodel.Item) (path string, line, column int) {
	t.Helper()
	path = n.path("x.go")
	write(t, path, x.Prompt+x.Suffix)
	line = strings.Count(x.Prompt, "\n") + 1
	return path, line, len(x.Prompt) - strings.LastIndexByte(x.Prompt, '\n')
}

func (n *nano) testComplete(t *testing.T) {
	for _, x := range some(t, nanomodel.Fill, 3) {
		path, line, column := n.source(t, x)
		equal(t, x.Prompt, n.bise(t, "complete", fmt.Sprintf("%s:%d:%d", path, line, column)), x.Answer)
	}
}

// testLSP opens each file in an editor of its own: what is open or was open is in the prompt
// too, and the model knows no such prompts.
func (n *nano) testLSP(t *testing.T) {
	for _, x := range some(t, nanomodel.Fill, 2) {
		n.edit(t, x)
	}
}

// edit asks for completions as an editor does.
func (n *nano) edit(t *testing.T, x nanomodel.Item) {
	t.Helper()
	cmd := n.command("lsp")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(out)
	send := func(text string) { fmt.Fprintf(in, "Content-Length: %d\r\n\r\n%s", len(text), text) }
	request := func(id int, method, params string) (result string) {
		t.Helper()
		send(fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`, id, method, params))
		for {
			header, err := from.ReadString('\n')
			if err != nil {
				t.Fatalf("%s: %v", method, err)
			}
			length, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(header, "Content-Length:")))
			if err != nil {
				continue // the empty line before a body
			}
			body := make([]byte, length+len("\r\n"))
			if _, err := io.ReadFull(from, body); err != nil {
				t.Fatal(err)
			}
			var answer struct {
				ID     json.RawMessage
				Result json.RawMessage
				Method string
			}
			if err := json.Unmarshal(body, &answer); err != nil {
				t.Fatalf("%s: %v", body, err)
			}
			if string(answer.ID) == strconv.Itoa(id) && answer.Method == "" {
				return string(answer.Result)
			}
		}
	}
	request(1, "initialize", `{"capabilities":{"textDocument":{"inlineCompletion":{}}}}`)
	send(`{"jsonrpc":"2.0","method":"initialized","params":{}}`)
	path, line, column := n.source(t, x)
	text, err := json.Marshal(x.Prompt + x.Suffix)
	if err != nil {
		t.Fatal(err)
	}
	send(fmt.Sprintf(`{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file://%s","languageId":"go","version":1,"text":%s}}}`, path, text))
	place := fmt.Sprintf(`"textDocument":{"uri":"file://%s"},"position":{"line":%d,"character":%d}`, path, line-1, column-1)
	var inline struct{ Items []struct{ InsertText string } }
	result := request(2, "textDocument/inlineCompletion", `{`+place+`,"context":{"triggerKind":2}}`)
	if err := json.Unmarshal([]byte(result), &inline); err != nil || len(inline.Items) != 1 || inline.Items[0].InsertText != x.Answer {
		t.Errorf("%q: inline completion %s (%v), want %q", x.Prompt, result, err, x.Answer)
	}
	var list struct {
		Items []struct{ TextEdit struct{ NewText string } }
	}
	result = request(3, "textDocument/completion", `{`+place+`}`)
	if err := json.Unmarshal([]byte(result), &list); err != nil || len(list.Items) != 1 || list.Items[0].TextEdit.NewText != x.Answer {
		t.Errorf("%q: completion %s (%v), want %q", x.Prompt, result, err, x.Answer)
	}
	request(4, "shutdown", `null`)
	send(`{"jsonrpc":"2.0","method":"exit"}`)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// serve starts bise serve and returns its URL.
func (n *nano) serve(t *testing.T) (url string) {
	t.Helper()
	cmd := n.command("serve", "--addr", "127.0.0.1:0")
	stderr, err := cmd.StderrPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for url == "" && lines.Scan() {
		_, url, _ = strings.Cut(lines.Text(), "Serving at ")
		url, _, _ = strings.Cut(url, ". ")
	}
	drained := make(chan bool)
	go func() {
		_, _ = io.Copy(io.Discard, stderr)
		close(drained)
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Error(err)
		}
		<-drained
		_ = cmd.Wait()
		equal(t, "the exit code of bise serve", cmd.ProcessState.ExitCode(), fault.ExitOK)
	})
	if url == "" {
		t.Fatal("bise serve has no URL")
	}
	return url
}

func (n *nano) testServe(t *testing.T) {
	url := n.serve(t)
	// post returns the text of the first choice, whole or of all chunks of a stream.
	post := func(path string, body map[string]any) (text string) {
		t.Helper()
		data, err := json.Marshal(body)
		if err != nil {
			t.Fatal(err)
		}
		status, answer := fetch(t, "POST", url+path, string(data))
		if status != 200 {
			t.Fatalf("%s: %d %s", path, status, answer)
		}
		for line := range strings.Lines(answer) {
			line = strings.TrimSpace(strings.TrimPrefix(line, "data: "))
			if line == "" || line == "[DONE]" || line[0] == ':' {
				continue
			}
			type message struct{ Content string }
			var chunk struct {
				Content string // of /infill
				Choices []struct {
					Message, Delta message
					Text           string
				}
			}
			if err := json.Unmarshal([]byte(line), &chunk); err != nil {
				t.Fatalf("%s: %v in %s", path, err, line)
			}
			text += chunk.Content
			if len(chunk.Choices) > 0 {
				c := chunk.Choices[0]
				text += c.Message.Content + c.Delta.Content + c.Text
			}
		}
		return text
	}
	chat := func(content any, stream bool) map[string]any {
		return map[string]any{"model": "nano", "temperature": 0, "stream": stream, "messages": []any{map[string]any{"role": "user", "content": content}}}
	}
	x := some(t, nanomodel.Ask, 1)[0]
	for path, body := range map[string]string{
		"/v1/messages":  `{"model":"nano","max_tokens":9,"temperature":0,"messages":[{"role":"user","content":%q}]}`,
		"/v1/responses": `{"model":"nano","temperature":0,"input":%q}`,
		"/api/chat":     `{"model":"nano","options":{"temperature":0},"stream":false,"messages":[{"role":"user","content":%q}]}`,
	} {
		status, answer := fetch(t, "POST", url+path, fmt.Sprintf(body, x.Prompt))
		if status != 200 || !strings.Contains(answer, fmt.Sprintf(`"text":%q`, x.Answer)) && !strings.Contains(answer, fmt.Sprintf(`"content":%q`, x.Answer)) {
			t.Errorf("%s: %d %s, want %s", path, status, answer, x.Answer)
		}
	}
	for _, x := range some(t, nanomodel.Ask, 6) {
		equal(t, x.Prompt, post("/v1/chat/completions", chat(x.Prompt, false)), x.Answer)
		equal(t, x.Prompt+", streamed", post("/v1/chat/completions", chat(x.Prompt, true)), x.Answer)
	}
	for _, x := range some(t, nanomodel.Turn, 2) {
		body := chat(x.Prompt, false)
		body["messages"] = []any{
			map[string]any{"role": "user", "content": x.Before[0]},
			map[string]any{"role": "assistant", "content": x.Before[1]},
			map[string]any{"role": "user", "content": x.Prompt},
		}
		equal(t, x.Prompt+", as a second question", post("/v1/chat/completions", body), x.Answer)
	}
	for _, x := range some(t, nanomodel.Fill, 6) {
		equal(t, "/infill of "+x.Prompt, post("/infill", map[string]any{"input_prefix": x.Prompt, "input_suffix": x.Suffix}), x.Answer)
		for _, stream := range []bool{false, true} {
			body := map[string]any{"model": "nano", "prompt": x.Prompt, "suffix": x.Suffix, "temperature": 0, "stream": stream}
			equal(t, "/v1/fim/completions of "+x.Prompt, post("/v1/fim/completions", body), x.Answer)
		}
	}
	for i, x := range nanomodel.Items(t, nanomodel.See) {
		data, err := os.ReadFile(nanomodel.Path(t, x.Image))
		if err != nil {
			t.Fatal(err)
		}
		image := "data:image/png;base64," + base64.StdEncoding.EncodeToString(data)
		url := []any{image, map[string]any{"url": image}}[i%2]
		content := []any{map[string]any{"type": "text", "text": x.Prompt}, map[string]any{"type": "image_url", "image_url": url}}
		equal(t, x.Image, post("/v1/chat/completions", chat(content, false)), x.Answer)
	}
}
