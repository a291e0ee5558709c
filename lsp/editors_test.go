package lsp

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
)

// serverVariable makes the test program a language server, for editors to start.
const serverVariable = "BISE_TEST_LSP"

func TestMain(m *testing.M) {
	if os.Getenv(serverVariable) != "" {
		err := Serve(context.Background(), os.Stdin, os.Stdout, Config{Open: func(context.Context) (engine.Engine, error) { return adder(), nil }})
		if err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// adder is an engine that knows one function, and two ways to write it.
func adder() *enginetest.Script {
	return &enginetest.Script{Answer: func(r enginetest.Request, choice int) enginetest.Reply {
		body := "\treturn a + b"
		if *r.Complete.Temperature > 0 {
			body = []string{"\treturn b + a", "\tsum := a + b\n\treturn sum"}[choice]
		}
		_, begun, _ := strings.Cut(r.Complete.Prompt, "int {\n")
		return enginetest.Reply{enginetest.Text(strings.TrimPrefix(body, begun)), enginetest.Text("\n}\n")}
	}}
}

const adding = "package add\n\nfunc add(a, b int) int {\n\t\n}\n"

// editor gives the path of an editor, and a folder in which add.go lacks the line
// that the engine knows.
func editor(t *testing.T, program string) (path, dir string) {
	t.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		t.Skipf("%s is not here", program)
	}
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "add.go"), []byte(adding), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, dir
}

// drive runs an editor until it ends, and gives what is in add.go then.
func drive(t *testing.T, dir, path string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), serverVariable+"=1", "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_STATE_HOME="+dir, "XDG_DATA_HOME="+dir, "TERM=xterm-256color")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, out.Bytes())
	}
	text, err := os.ReadFile(filepath.Join(dir, "add.go"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestNeovim types in Neovim with the plugin of the documentation: ghost text is
// taken as a whole, or by the word, or another one is.
func TestNeovim(t *testing.T) {
	plugin, err := filepath.Abs("../docs/editors/bise.lua")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, keys, want string }{
		{"all", "<Tab>", "\treturn a + b\n"},
		{"a word", "<C-Right>", "\treturn\n"},
		{"a line", "<C-Down>", "\treturn a + b\n"},
		{"another", "<M-]>|<Tab>", "\treturn b + a\n"},
		{"a third", "<M-]>|<M-]>|<Tab>", "\tsum := a + b\n\treturn sum\n"},
		{"none", "<C-]>", "\t\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			path, dir := editor(t, "nvim")
			// Keys are pressed as soon as something is suggested, the next after that
			// has changed.
			script := filepath.Join(dir, "drive.lua")
			lua := `
vim.g.bise_cmd = { [[` + self(t) + `]] }
vim.cmd.source([[` + plugin + `]])
vim.cmd.edit('add.go')
vim.bo.filetype = 'go'
vim.bo.expandtab, vim.bo.autoindent = false, false
vim.api.nvim_win_set_cursor(0, { 4, 1 })
local ns = vim.api.nvim_create_namespace('bise')
local keys, last = vim.split('` + tt.keys + `', '|'), ''
local typed = false
local poll = vim.uv.new_timer()
poll:start(20, 20, vim.schedule_wrap(function()
  if not typed then
    if #vim.lsp.get_clients({ name = 'bise' }) > 0 and vim.lsp.get_clients({ name = 'bise' })[1].initialized then
      typed = true
      vim.api.nvim_input('A')
    end
    return
  end
  local ghost = vim.inspect(vim.api.nvim_buf_get_extmarks(0, ns, 0, -1, { details = true }))
  if #keys > 0 and ghost ~= '{}' and ghost ~= last and vim.fn.mode() == 'i' then
    last = ghost
    vim.api.nvim_input(table.remove(keys, 1))
  elseif #keys == 0 and ghost ~= last then
    poll:stop()
    vim.api.nvim_input('<Esc>')
    vim.defer_fn(function() vim.cmd('wqa!') end, 50)
  end
end))
vim.defer_fn(function() vim.cmd('cquit') end, 20000)
`
			if err := os.WriteFile(script, []byte(lua), 0o600); err != nil {
				t.Fatal(err)
			}
			got := drive(t, dir, path, "--headless", "--clean", "-S", script)
			if want := strings.Replace(adding, "\t\n", tt.want, 1); got != want {
				t.Errorf("the file is\n%q\nwant\n%q", got, want)
			}
		})
	}
}

// TestEmacs completes in Emacs with eglot, which knows ordinary completions.
func TestEmacs(t *testing.T) {
	path, dir := editor(t, "emacs")
	script := filepath.Join(dir, "drive.el")
	lisp := `
(package-initialize)
(unless (require 'eglot nil t) (princ "no eglot") (kill-emacs 0))
(define-derived-mode adding-mode prog-mode "Adding")
(add-to-list 'eglot-server-programs '(adding-mode . ("` + self(t) + `")))
(setq eglot-sync-connect 10 eglot-autoshutdown t)
(find-file "add.go")
(adding-mode)
(eglot-ensure)
(apply #'eglot (eglot--guess-contact))
(goto-char (point-min))
(forward-line 3)
(end-of-line)
(insert "ret")
(completion-at-point)
(save-buffer)
(eglot-shutdown (eglot-current-server))
`
	if err := os.WriteFile(script, []byte(lisp), 0o600); err != nil {
		t.Fatal(err)
	}
	got := drive(t, dir, path, "--batch", "-q", "-l", script)
	if got == adding {
		t.Skip("Emacs has no eglot")
	}
	if want := strings.Replace(adding, "\t\n", "\treturn a + b\n", 1); got != want {
		t.Errorf("the file is\n%q\nwant\n%q", got, want)
	}
}

// TestProtocolClient asks with the library that VS Code is built on. BISE_CLIENTS
// is a folder where Node finds it.
func TestProtocolClient(t *testing.T) {
	clients := os.Getenv("BISE_CLIENTS")
	if _, err := os.Stat(filepath.Join(clients, "node_modules", "vscode-languageserver-protocol")); clients == "" || err != nil {
		t.Skip("BISE_CLIENTS names no folder with vscode-languageserver-protocol")
	}
	path, dir := editor(t, "node")
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(clients, "node_modules"), filepath.Join(dir, "node_modules")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, filepath.Join(dir, "inline.mjs"), self(t))
	cmd.Env = append(os.Environ(), serverVariable+"=1")
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "[\"turn a + b\"]\n[\"turn a + b\",\"turn b + a\",\"\\tsum := a + b\\n\\treturn sum\"]\n"
	if string(out) != want {
		t.Errorf("suggested\n%s\nwant\n%s", out, want)
	}
}
