package tune

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/bise-sh/bise/fault"
)

// A Python is how the trainer gets a Python with its packages.
type Python struct {
	Given   string // path of an interpreter that has the packages; "": none was given
	Cache   string // folder for the virtual environment
	FourBit bool   // bitsandbytes is needed too
	// LookPath finds a program; nil: [exec.LookPath].
	LookPath func(string) (string, error)
}

const (
	// PackagesDownload and PackagesDisk are on Linux, where PyTorch has the libraries of CUDA
	// with it. In bytes.
	PackagesDownload = 3e9
	PackagesDisk     = 6e9
)

// A Plan says what must be downloaded before the trainer can run.
type Plan struct {
	Trainer  Trainer
	Download bool   // packages must be downloaded, or may have to be
	With     string // uv, or a virtual environment at a path
	install  func(ctx context.Context) error
	done     string // a file that is written when the packages are there
}

// requirements are the packages that the program names in its first lines.
func requirements(fourBit bool) (list []string) {
	for line := range strings.Lines(string(script)) {
		if strings.HasPrefix(line, "# ]") {
			break
		}
		if strings.HasPrefix(line, "#     ") {
			for part := range strings.SplitSeq(line, ",") {
				if name := strings.Trim(part, "# \"\n"); name != "" {
					list = append(list, name)
				}
			}
		}
	}
	if fourBit {
		list = append(list, "bitsandbytes>=0.44")
	}
	return list
}

// Plan finds Python: the given interpreter, uv, or a virtual environment in the cache. An
// error of kind NotFound means that there is none.
func (p Python) Plan() (*Plan, error) {
	if p.Given != "" {
		path, err := p.find(p.Given)
		if err != nil {
			return nil, fault.Advise(fault.Errorf(fault.NotFound, "cannot run %s: there is no such program", p.Given), "Give the path of a Python interpreter.")
		}
		return &Plan{Trainer: Trainer{Command: []string{path}}}, nil
	}
	list := requirements(p.FourBit)
	key := sha256.Sum256([]byte(strings.Join(list, "\n")))
	id := hex.EncodeToString(key[:4])
	if uv, err := p.find("uv"); err == nil {
		command := []string{uv, "run", "--no-project", "--quiet"}
		if p.FourBit {
			command = append(command, "--with", list[len(list)-1])
		}
		plan := &Plan{Trainer: Trainer{Command: append(command, "--script")}, With: "uv", done: filepath.Join(p.Cache, "uv-"+id)}
		plan.Download = !exists(plan.done)
		return plan, nil
	}
	python, err := p.find("python3")
	if err != nil && runtime.GOOS == "windows" {
		python, err = p.find("python")
	}
	if err != nil {
		return nil, fault.Advise(fault.Errorf(fault.NotFound, "cannot train: there is neither uv nor Python"), "Install Python 3.10 or later, or uv; or give an interpreter with --python.")
	}
	dir := filepath.Join(p.Cache, "venv-"+id)
	inside := filepath.Join(dir, "bin", "python")
	if runtime.GOOS == "windows" {
		inside = filepath.Join(dir, "Scripts", "python.exe")
	}
	plan := &Plan{Trainer: Trainer{Command: []string{inside}}, With: "a virtual environment, " + dir, done: filepath.Join(dir, "complete")}
	plan.Download = !exists(plan.done)
	plan.install = func(ctx context.Context) error {
		log := &bounded{}
		for _, c := range [][]string{{python, "-m", "venv", "--clear", dir}, append([]string{inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"}, list...)} {
			cmd := exec.CommandContext(ctx, c[0], c[1:]...)
			cmd.SysProcAttr = ownGroup()
			cmd.Cancel = func() error { killGroup(cmd.Process); return nil }
			cmd.Stdout, cmd.Stderr = log, log
			if err := cmd.Run(); err != nil {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				return plan.Trainer.failed("install the Python packages", err, log)
			}
		}
		return nil
	}
	return plan, nil
}

func (p Python) find(name string) (string, error) {
	look := p.LookPath
	if look == nil {
		look = exec.LookPath
	}
	path, err := look(name)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	return path, err
}

// Prepare downloads the packages if they are not there, and probes the trainer. f has the
// program.
func (p *Plan) Prepare(ctx context.Context, f *Folder) (Event, error) {
	if p.Download && p.install != nil {
		if err := os.MkdirAll(filepath.Dir(p.done), 0o700); err != nil {
			return Event{}, writeError(p.done, err)
		}
		if err := p.install(ctx); err != nil {
			return Event{}, err
		}
	}
	e, err := p.Trainer.Probe(ctx, f)
	if err != nil || p.done == "" {
		return e, err
	}
	if p.Download {
		err = errors.Join(os.MkdirAll(filepath.Dir(p.done), 0o700), os.WriteFile(p.done, nil, 0o600))
		if err != nil {
			return e, writeError(p.done, err)
		}
	}
	p.Download = false
	return e, nil
}

// Requirements are the names of the packages, for display.
func (p Python) Requirements() string {
	var names []string
	for _, r := range requirements(p.FourBit) {
		name, _, _ := strings.Cut(r, ">")
		names = append(names, name)
	}
	return fmt.Sprint(strings.Join(names[:len(names)-1], ", "), " and ", names[len(names)-1])
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
