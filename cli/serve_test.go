package cli

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// serving starts bise serve with two installed models, of which -m names the
// first, and gives its address and a function that ends it with what it returned.
func serving(t *testing.T, args ...string) (url string, opened func() []string, end func() int) {
	t.Helper()
	url, _, opened, end = servingWith(t, "", args...)
	return url, opened, end
}

// servingWith is serving with a config.toml. It returns also the lines after the address.
func servingWith(t *testing.T, config string, args ...string) (url string, lines <-chan string, opened func() []string, end func() int) {
	t.Helper()
	data := t.TempDir()
	t.Setenv("XDG_DATA_HOME", data)
	for _, place := range []string{"CONFIG_HOME", "STATE_HOME", "CACHE_HOME", "RUNTIME_DIR"} {
		t.Setenv("XDG_"+place, t.TempDir())
	}
	write(t, filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "bise", "config.toml"), config)
	folder := filepath.Join(data, "bise", "models")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]tinymodel.Options{"one": tinymodel.Mistral(), "two": tinymodel.Mamba()} {
		if err := tinymodel.Write(filepath.Join(folder, name+".gguf"), o); err != nil {
			t.Fatal(err)
		}
	}
	stderr, to := io.Pipe()
	con := console.New(strings.NewReader(""), io.Discard, to)
	refs := make(chan string, 8)
	open := func(_ context.Context, ref string, _ engine.LoadOptions) (engine.Engine, error) {
		refs <- ref
		return enginetest.Says("from ", ref), nil
	}
	ctx, stop := context.WithCancelCause(t.Context())
	code := make(chan int, 1)
	go func() {
		root := newProgram(con, engines{load: loadHere, open: open}).root
		root.SetArgs(append([]string{"serve", "-m", "one", "--addr", "127.0.0.1:0"}, args...))
		err := root.ExecuteContext(ctx)
		con.Report(err)
		to.Close()
		code <- exitCode(err)
	}()
	from := bufio.NewReader(stderr)
	for url == "" {
		line, err := from.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		_, url, _ = strings.Cut(strings.TrimSuffix(line, ". Ctrl-C ends it.\n"), "Serving at ")
	}
	said := make(chan string, 64)
	go func() {
		for {
			line, err := from.ReadString('\n')
			if err != nil {
				return
			}
			select {
			case said <- strings.TrimSpace(line):
			default: // the test does not read them
			}
		}
	}()
	return url, said, func() (list []string) {
			for len(refs) > 0 {
				list = append(list, <-refs)
			}
			return list
		}, func() int {
			stop(console.ErrInterrupted)
			return <-code
		}
}

func fetch(t *testing.T, method, url, body string, header ...string) (status int, text string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

func TestServe(t *testing.T) {
	url, opened, end := serving(t)
	for _, tt := range []struct {
		method, path, body string
		status             int
		part               string
	}{
		{"GET", "/health", "", 200, "ok"},
		{"GET", "/v1/models", "", 200, `"id":"one"`},
		{"GET", "/v1/models/two", "", 200, `"completion_fim":true`},
		{"POST", "/infill", `{"input_prefix":"a","input_suffix":"b"}`, 200, `"content":"from one"`},
		{"POST", "/v1/completions", `{"model":"two","prompt":"a","suffix":"b"}`, 200, `"text":"from two"`},
		{"POST", "/v1/fim/completions", `{"model":"one","prompt":"a","suffix":"b"}`, 200, `"content":"from one"`},
		{"POST", "/v1/completions", `{"model":"/etc/hostname","prompt":"a"}`, 404, "there is no model"},
		{"POST", "/v1/completions", `{"model":"plateforme/large","prompt":"a"}`, 404, "there is no model"},
		{"POST", "/v1/completions", `{"model":"two:latest","prompt":"a"}`, 200, `"model":"two:latest"`},
		{"POST", "/v1/completions", `{"prompt":"a"}`, 200, `"text":"from one"`},
	} {
		if status, text := fetch(t, tt.method, url+tt.path, tt.body); status != tt.status || !strings.Contains(text, tt.part) {
			t.Errorf("%s %s %s: %d %s", tt.method, tt.path, tt.body, status, text)
		}
	}
	if status, text := fetch(t, "GET", url+"/v1/models", "", "Origin", "https://evil.example"); status != http.StatusForbidden {
		t.Errorf("a page from elsewhere: %d %s", status, text)
	}
	if list := strings.Join(opened(), " "); list != "one two" {
		t.Errorf("opened %q, each should be once", list)
	}
	equal(t, "the exit code", end(), fault.ExitOK)
	http.DefaultClient.CloseIdleConnections()
	if _, err := http.Get(url + "/health"); err == nil {
		t.Error("it still serves")
	}
}

// Without -m, requests that name no model get the one of their mode.
func TestServeModes(t *testing.T) {
	t.Setenv("BISE_MODEL", "")
	url, lines, _, end := servingWith(t, "model = \"one\"\n[models]\ncode = \"two\"\n", "-m", "")
	defer end()
	for line := range lines {
		if strings.HasPrefix(line, "Default for") {
			equal(t, "the announcement", line, "Default for requests to fill in code: two.")
			break
		}
	}
	for path, body := range map[string]string{
		"/infill": `{"input_prefix":"a","input_suffix":"b"}`, "/v1/fim/completions": `{"prompt":"a","suffix":"b"}`,
		"/v1/chat/completions": `{"messages":[{"role":"user","content":"a"}]}`,
	} {
		want := "two"
		if strings.Contains(path, "chat") {
			want = "one"
		}
		if status, text := fetch(t, "POST", url+path, body); status != 200 || !strings.Contains(text, "from "+want) || !strings.Contains(text, `"model":"`+want+`"`) {
			t.Errorf("%s: %d %s, want %s", path, status, text, want)
		}
	}
}

func TestServeWithKey(t *testing.T) {
	t.Setenv("BISE_SERVE_KEY", "secret")
	url, _, end := serving(t)
	defer end()
	if status, _ := fetch(t, "GET", url+"/v1/models", ""); status != http.StatusUnauthorized {
		t.Errorf("without the key: %d", status)
	}
	if status, _ := fetch(t, "GET", url+"/v1/models", "", "Authorization", "Bearer secret"); status != http.StatusOK {
		t.Errorf("with the key: %d", status)
	}
}

// A server that others can reach makes a key, shows it once, and wants it.
func TestServeMakesAKey(t *testing.T) {
	url, _, end := serving(t, "--addr", "0.0.0.0:0")
	defer end()
	if status, _ := fetch(t, "GET", url+"/v1/models", ""); status != http.StatusUnauthorized {
		t.Errorf("without a key: %d", status)
	}
	data, err := os.ReadFile(filepath.Join(os.Getenv("XDG_CONFIG_HOME"), "bise", "serve.keys"))
	if err != nil || !strings.Contains(string(data), "sha256:") {
		t.Errorf("the key file is %q, %v", data, err)
	}
}

func TestServeRefuses(t *testing.T) {
	for _, tt := range []struct{ addr, part string }{
		{"8642", "invalid --addr"},
		{"203.0.113.7:1", "cannot listen"},
	} {
		r := runBise(t, enginetest.Says("x"), "", "serve", "--addr", tt.addr)
		if r.code != fault.ExitUsage || !strings.Contains(r.stderr, tt.part) {
			t.Errorf("%s: code %d, %s", tt.addr, r.code, r.stderr)
		}
	}
	r := runBise(t, enginetest.Says("x"), "", "serve", "--addr", "127.0.0.1:0")
	if r.code != fault.ExitModel || !strings.Contains(r.stderr, "no model") {
		t.Errorf("without a model: code %d, %s", r.code, r.stderr)
	}
}

func TestLSP(t *testing.T) {
	say := func(body string) string { return "Content-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body }
	session := say(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"capabilities":{}}}`) +
		say(`{"jsonrpc":"2.0","id":2,"method":"shutdown"}`) + say(`{"jsonrpc":"2.0","method":"exit"}`)
	r := runBise(t, enginetest.Says("x"), session, "lsp")
	if r.code != fault.ExitOK || !strings.Contains(r.stdout, `"inlineCompletionProvider":true`) || r.stderr != "" {
		t.Errorf("code %d, %s, %s", r.code, r.stdout, r.stderr)
	}
	// An editor that is gone is no error that anybody reads.
	if r := runBise(t, enginetest.Says("x"), "", "lsp"); r.code != fault.ExitNo || r.stderr != "" {
		t.Errorf("code %d, %s", r.code, r.stderr)
	}
	if r := runBise(t, enginetest.Says("x"), "nonsense\r\n\r\n", "lsp"); r.code == fault.ExitOK || r.stderr == "" {
		t.Errorf("code %d, %s", r.code, r.stderr)
	}
}
