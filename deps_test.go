package main_test

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/bise-sh/bise"

// What a package must not reach, neither itself nor through what it imports.
var (
	terminal = []string{"charm.land", "github.com/charmbracelet", module + "/tui"}
	http     = []string{"net/http", module + "/api", module + "/engine/remote", module + "/engine/worker"}
	llama    = []string{"github.com/ollama/ollama", module + "/engine/llama"}
	commands = []string{module + "/cli", module + "/tui", module + "/api", module + "/lsp"}
	leaves   = []string{module + "/models", module + "/downloader", module + "/history", module + "/config"}
	middle   = []string{module + "/modes", module + "/library", module + "/attach"}
	engines  = []string{module + "/engine", module + "/mistral", module + "/chattemplate"}
	rooms    = []string{module + "/tui/talk", module + "/tui/models", module + "/tui/review", module + "/tui/code", module + "/tui/plain"}
	// The topics of the command line do not know each other.
	topics = []string{module + "/cli/answer", module + "/cli/model", module + "/cli/weights", module + "/cli/system", module + "/cli/past"}
	// A package that cannot need C is one that any program can use and any machine can test.
	c = []string{"runtime/cgo"}
)

// forbidden keeps the arrows pointing one way: main → cli → {tui, api, lsp} → {library, modes, history} →
// {engine, models, downloader} → ground. A folder's rule holds for the folders in it too, as long as none
// of them has a rule of its own.
var forbidden = map[string][][]string{
	"engine":             {terminal, http, llama, c, commands, leaves, middle},
	"engine/grammar":     {terminal, http, llama, c, commands, leaves, middle, {module + "/mistral", module + "/chattemplate"}},
	"engine/enginetest":  {terminal, http, llama, commands, leaves, middle},
	"engine/llama":       {terminal, http[1:], commands, leaves, middle},        // the binding has net/http
	"engine/llamaserver": {terminal, http[1:], llama, commands, leaves, middle}, // it is a client of its child
	"engine/worker":      {terminal, llama, {module + "/cli", module + "/tui", module + "/lsp"}, leaves, middle},
	"engine/wire":        {terminal, llama, commands, leaves, middle},
	"engine/remote":      {terminal, llama, {module + "/cli", module + "/tui", module + "/lsp"}, leaves, middle},
	"mistral":            {terminal, http, llama, c, commands, leaves, middle},
	"chattemplate":       {terminal, http, llama, c, commands, leaves, middle},
	"modes":              {{"charm.land", module + "/tui"}, http, llama, commands, {module + "/downloader", module + "/history", module + "/config", module + "/library"}}, // render/term measures text with x/ansi
	"attach":             {terminal, http, llama, c, commands, leaves, {module + "/modes", module + "/library"}},
	"attach/web":         {terminal, llama, commands, leaves, {module + "/modes", module + "/library"}},
	"library":            {terminal, llama, {module + "/cli", module + "/tui", module + "/lsp"}, {module + "/modes", module + "/history"}}, // a worker serves api
	"library/pull":       {terminal, llama, commands, {module + "/modes", module + "/history", module + "/config"}},
	"api":                {terminal, llama, leaves, {module + "/cli", module + "/tui", module + "/lsp"}},
	"lsp":                {{"charm.land"}, llama, {module + "/cli", module + "/tui"}},
	"tui":                {llama, {module + "/cli"}},
	"tui/kit":            {llama, http, {module + "/cli"}, engines, middle, without(leaves, "/config"), rooms},
	"tui/engines":        {llama, {module + "/cli"}, rooms},
	"tui/past":           {llama, http, {module + "/cli"}, {module + "/modes", module + "/library"}, without(leaves, "/config", "/history"), rooms},
	"tui/images":         {llama, http, {module + "/cli"}, {module + "/modes", module + "/library"}, without(leaves, "/config"), rooms},
	"tui/plain":          {llama, http, {module + "/cli"}, engines, middle, without(leaves, "/config"), rooms},
	"tui/talk":           {llama, {module + "/cli"}, without(rooms, "/tui/talk")},
	"tui/models":         {llama, {module + "/cli"}, without(rooms, "/tui/models")},
	"tui/review":         {llama, {module + "/cli"}, without(rooms, "/tui/review")},
	"tui/code":           {llama, {module + "/cli"}, without(rooms, "/tui/code")},
	"cli/console":        {http, llama, leaves, middle, engines, {module + "/cli", module + "/tui"}},
	"cli/flags":          {llama, {module + "/cli/console"}, topics},
	"cli/input":          {llama, topics},
	"cli/answer":         {llama, without(topics, "/cli/past")},
	"cli/past":           {llama, topics},
	"cli/model":          {llama, topics},
	"cli/weights":        {topics},
	"cli/system":         {topics},
	"render":             {terminal[2:], http, llama, commands, leaves, middle, engines},
	"fault":              {terminal, http, c, {module}},
	"atomicfile":         {terminal, http, c, {module}},
	"gguf":               {terminal, http, c, {module}},
	"machine":            {terminal, http, c, commands, middle, leaves, engines},
	"tex":                {terminal, http, c, {module}}, // both render/latex and modes/math read LaTeX with it
	"units":              {terminal, http, c, {module}},
	"safetensors":        {terminal, http, c, {module}},
	"models":             {terminal, http, llama, commands, without(leaves, "/models"), middle},
	"downloader":         {terminal, llama, commands, without(leaves, "/downloader"), middle, engines},
	"history":            {terminal, http, llama, commands, without(leaves, "/history"), middle},
	"config":             {terminal, http, llama, commands, without(leaves, "/config"), middle},
}

func without(list []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(p string) bool { return slices.Contains(names, strings.TrimPrefix(p, module)) })
}

type pkg struct {
	ImportPath string
	Imports    []string
	Deps       []string
	CgoFiles   []string
}

// packages lists what is in this module, as it is built with cgo: without it the imports that
// matter here would not be seen. Nothing is compiled.
func packages(t *testing.T) []pkg {
	t.Helper()
	look(t)
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports,Deps,CgoFiles", "./...")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1")
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skipf("cannot run go list: %v", err)
	}
	var all []pkg
	for dec := json.NewDecoder(out); ; {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal("go list: ", err)
	}
	return all
}

// look sees every source file, so that go test does not repeat an old result when one has changed:
// what go list reads it cannot know.
func look(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if filepath.Ext(path) == ".go" {
			_, err = os.Stat(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestArrowsPointOneWay(t *testing.T) {
	held := map[string]bool{}
	for _, p := range packages(t) {
		folder, lists := rule(strings.TrimPrefix(p.ImportPath, module+"/"))
		held[folder] = true
		for _, banned := range slices.Concat(lists...) {
			for _, dep := range p.Deps {
				if within(dep, banned) && !within(dep, module+"/"+folder) {
					t.Errorf("%s reaches %s, which it must not", p.ImportPath, dep)
				}
			}
		}
	}
	if !held["engine"] {
		t.Fatal("no package was held to the rule of engine: is this the module's root?")
	}
}

// TestOneDoorToC checks that C is in one package, and that only the command line, which wires it
// in, knows that package; and the program that measures it.
func TestOneDoorToC(t *testing.T) {
	door := module + "/engine/llama"
	for _, p := range packages(t) {
		if len(p.CgoFiles) > 0 && p.ImportPath != door {
			t.Errorf("%s has cgo files: %s", p.ImportPath, p.CgoFiles)
		}
		if p.ImportPath == module || p.ImportPath == door || within(p.ImportPath, module+"/cli") || p.ImportPath == module+"/scripts/bench" {
			continue
		}
		for _, i := range p.Imports {
			if within(i, door) || within(i, "github.com/ollama/ollama") {
				t.Errorf("%s imports %s, which only cli may", p.ImportPath, i)
			}
		}
	}
}

// rule is that of the nearest folder around a package which has one.
func rule(name string) (folder string, lists [][]string) {
	for folder = name; ; {
		if lists, ok := forbidden[folder]; ok {
			return folder, lists
		}
		i := strings.LastIndexByte(folder, '/')
		if i < 0 {
			return "", nil
		}
		folder = folder[:i]
	}
}

// within reports whether a package is the one at path, or lies in its folder.
func within(pkg, path string) bool {
	return pkg == path || strings.HasPrefix(pkg, path+"/")
}
