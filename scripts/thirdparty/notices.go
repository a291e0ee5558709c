package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	self   = "github.com/bise-sh/bise"
	ollama = "github.com/ollama/ollama"
)

// targets are the environments that releases are built in, .goreleaser.yaml's.
var targets = [][]string{
	{"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=1"},
	{"GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=1"},
	{"GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0"},
	{"GOOS=darwin", "GOARCH=amd64", "CGO_ENABLED=1"},
	{"GOOS=darwin", "GOARCH=arm64", "CGO_ENABLED=1"},
	{"GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0"},
	{"GOOS=windows", "GOARCH=arm64", "CGO_ENABLED=0"},
}

// A module is a Go module with packages that are linked into bise for some system.
type module struct {
	path, dir string
	licences  []licence // of the module, and of folders in it that have their own
}

type licence struct {
	where string // the module, and the folder in it
	text  string
}

// modules lists what is linked into bise, for all systems.
func modules(ctx context.Context) ([]module, error) {
	folders := map[string]map[string]bool{} // of linked packages, by module
	roots := map[string]string{}
	for _, target := range targets {
		cmd := exec.CommandContext(ctx, "go", "list", "-deps", "-json=ImportPath,Dir,Standard,Module", self)
		cmd.Env = append(os.Environ(), target...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return nil, fmt.Errorf("go list for %s: %w", strings.Join(target, " "), err)
		}
		for dec := json.NewDecoder(bytes.NewReader(out)); ; {
			var p struct {
				ImportPath, Dir string
				Standard        bool
				Module          *struct{ Path, Dir string }
			}
			if err := dec.Decode(&p); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return nil, fmt.Errorf("read go list's output: %w", err)
			}
			if p.Standard || p.Module == nil {
				continue
			}
			if folders[p.Module.Path] == nil {
				folders[p.Module.Path] = map[string]bool{}
				roots[p.Module.Path] = p.Module.Dir
			}
			folders[p.Module.Path][p.Dir] = true
		}
	}
	var mods []module
	for _, name := range slices.Sorted(maps.Keys(folders)) {
		m := module{path: name, dir: roots[name]}
		if err := m.read(folders[name]); err != nil {
			return nil, err
		}
		if len(m.licences) == 0 && name != self {
			return nil, fmt.Errorf("module %s has no licence file", name)
		}
		mods = append(mods, m)
	}
	return mods, nil
}

var licenceFile = regexp.MustCompile(`(?i)^(.*-)?(licen[sc]e|copying|unlicense|notice|patents)([-.].*)?$`)

// read reads the licence files in the folders of linked packages and in those around them.
func (m *module) read(linked map[string]bool) error {
	folders := map[string]bool{}
	for dir := range linked {
		for ; within(dir, m.dir); dir = filepath.Dir(dir) {
			folders[dir] = true
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(folders)) {
		if m.path == self && dir == m.dir {
			continue // bise's own
		}
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || !licenceFile.MatchString(e.Name()) || filepath.Ext(e.Name()) == ".go" {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dir, e.Name()))
			if err != nil {
				return err
			}
			rel, err := filepath.Rel(m.dir, dir)
			if err != nil {
				return err
			}
			l := licence{where: path.Join(m.path, filepath.ToSlash(rel)), text: string(text)}
			if word := refused.FindString(l.text); word != "" {
				return fmt.Errorf("%s has a licence under which bise cannot be distributed: %s", l.where, word)
			}
			m.licences = append(m.licences, l)
		}
	}
	return nil
}

var refused = regexp.MustCompile(`GENERAL PUBLIC LICENSE|Server Side Public License|Commons Clause`)

func within(dir, root string) bool {
	return dir == root || strings.HasPrefix(dir, root+string(filepath.Separator))
}

// partText is the licence of a part.
func partText(p part, mods []module) (string, error) {
	if p.file == "" {
		return cmp.Or(p.text, p.notice+"\n\n"+mit), nil
	}
	for _, m := range mods {
		if m.path == ollama {
			text, err := os.ReadFile(filepath.Join(m.dir, filepath.FromSlash(p.file)))
			return firstComment(string(text)), err
		}
	}
	return "", fmt.Errorf("%s is not linked: what has %s?", ollama, p.file)
}

// notices returns the text of THIRD_PARTY_NOTICES.txt. Software under the same text shares it.
func notices(ctx context.Context, mods []module) (string, error) {
	names := map[string][]string{} // by text
	add := func(name, text string) {
		text = tidy(text)
		if !slices.Contains(names[text], name) {
			names[text] = append(names[text], name)
		}
	}
	for _, m := range mods {
		for _, l := range m.licences {
			add(l.where, l.text)
		}
	}
	goroot, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOROOT: %w", err)
	}
	goLicence, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(goroot)), "LICENSE"))
	if err != nil {
		return "", err
	}
	add("Go, its runtime and standard library", string(goLicence))
	for _, p := range parts {
		text, err := partText(p, mods)
		if err != nil {
			return "", err
		}
		add(p.name, text)
	}

	texts := slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.ToLower(names[a][0]), strings.ToLower(names[b][0])), cmp.Compare(a, b))
	})
	out := &strings.Builder{}
	out.WriteString("Licences of the software that is linked into bise. Not every build has all of it: builds without the\n" +
		"built-in engine have no C and C++. Made by `make notices`.\n")
	for _, text := range texts {
		rule := strings.Repeat("=", 80)
		fmt.Fprintf(out, "\n%s\n%s\n%s\n\n%s", rule, strings.Join(names[text], "\n"), rule, text)
	}
	return out.String(), nil
}

// tidy makes texts equal that differ only in white space at ends of lines.
func tidy(text string) string {
	text = strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " \t\f")
	}
	return strings.Join(lines, "\n") + "\n"
}
