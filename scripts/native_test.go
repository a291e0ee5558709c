package scripts_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
)

// Stand-ins for the tools that native.sh runs. CMake counts its calls; Ninja fails when it is told
// to, and else leaves what a build leaves.
var fakes = map[string]string{
	"c++": `case "$1" in --version) echo "c++ (fake) 1.0" ;; -dumpmachine) echo fake-machine ;; esac`,
	"cmake": `echo configured >>"$COUNT"
while [ $# -gt 0 ]; do [ "$1" != -B ] || mkdir -p "$2/lib/ollama"; shift; done`,
	"ninja": `echo "${@:3}" >>"$COUNT.targets"
[ ! -e "$FAIL" ] || { echo "the disk is full"; exit 1; }
echo library >"$2/lib/ollama/libggml-cpu-x64.so"
echo library >"$2/lib/ollama/libggml-base.so.0"`,
}

// tools are the real ones that it needs. A PATH of these alone has no flock.
var tools = []string{"basename", "bash", "cat", "chmod", "cp", "cut", "dirname", "git", "go", "grep", "head", "ln", "mkdir", "mv", "readlink", "rm", "sed", "sha256sum", "shasum", "sleep", "tail", "tr", "uname"}

type bench struct {
	t     *testing.T
	cache string
	count string // a line for each call of CMake
	fail  string // Ninja fails while this file is there
	env   []string
}

func newBench(t *testing.T, cacheName string, path ...string) *bench {
	t.Helper()
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" && runtime.GOARCH == "arm64" {
		t.Skip("no backends are built here")
	}
	for _, tool := range []string{"bash", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	// go test, which would else repeat an old result, sees what the test itself reads.
	for _, script := range []string{"native.sh", "common.sh"} {
		if _, err := os.Stat(script); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, script := range fakes {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/usr/bin/env bash\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	b := &bench{
		t:     t,
		cache: filepath.Join(dir, cacheName),
		count: filepath.Join(dir, "count"),
		fail:  filepath.Join(dir, "fail"),
	}
	b.env = append(os.Environ(),
		"PATH="+strings.Join(append([]string{bin}, path...), string(os.PathListSeparator)),
		"BISE_NATIVE_CACHE="+b.cache, "COUNT="+b.count, "FAIL="+b.fail,
		"CXX=c++", "BACKENDS=", "VARIANTS=", "CGO_CPPFLAGS=", "CGO_CFLAGS=", "CGO_CXXFLAGS=", "CGO_LDFLAGS=")
	return b
}

// native runs the script and returns what it printed.
func (b *bench) native(args ...string) (string, error) {
	cmd := exec.CommandContext(b.t.Context(), "bash", append([]string{"native.sh"}, args...)...)
	cmd.Env = b.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (b *bench) must(args ...string) string {
	b.t.Helper()
	out, err := b.native(args...)
	if err != nil {
		b.t.Fatalf("native.sh %s: %v\n%s", args, err, out)
	}
	return out
}

func (b *bench) configured() int {
	b.t.Helper()
	data, err := os.ReadFile(b.count)
	if err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	return strings.Count(string(data), "\n")
}

func (b *bench) wantBackends() {
	b.t.Helper()
	lib := strings.TrimSpace(b.must("lib"))
	for _, name := range []string{"libggml-cpu-x64.so", "libggml-base.so.0"} {
		if _, err := os.Stat(filepath.Join(lib, name)); err != nil {
			b.t.Error(err)
		}
	}
}

func TestTwoBuildsAtOnceAreOne(t *testing.T) {
	bare := t.TempDir()
	for _, tool := range tools {
		if path, err := exec.LookPath(tool); err == nil {
			if err := os.Symlink(path, filepath.Join(bare, tool)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, path := range map[string]string{"as the machine is": os.Getenv("PATH"), "without flock": bare} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "cache", path)
			var callers sync.WaitGroup
			for range 4 {
				callers.Go(func() {
					if out, err := b.native("backends"); err != nil {
						t.Errorf("%v\n%s", err, out)
					}
				})
			}
			callers.Wait()
			b.wantBackends()
			if out := b.must("backends"); out != "" {
				t.Errorf("a build with nothing to do says %q", out)
			}
			if n := b.configured(); n != 1 {
				t.Errorf("CMake ran %d times, want 1", n)
			}
		})
	}
}

func TestOtherFlagsAreOtherBackends(t *testing.T) {
	b := newBench(t, "cache", os.Getenv("PATH"))
	b.must("backends")
	lib, err := filepath.EvalSymlinks(strings.TrimSpace(b.must("lib")))
	if err != nil {
		t.Fatal(err)
	}
	b.must("backends", "--no-repack")
	b.wantBackends()
	plain, err := filepath.EvalSymlinks(filepath.Join(filepath.Dir(lib), "lib-norepack"))
	if err != nil {
		t.Fatal(err)
	}
	if plain == lib {
		t.Error("both are in", lib)
	}
	if n := b.configured(); n != 2 {
		t.Errorf("CMake ran %d times, want 2", n)
	}
}

// TestVariants asks for the backends of processors that are described as Linux does.
func TestVariants(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the processors are x86")
	}
	const (
		haswell = "flags\t\t: fpu sse4_2 avx f16c fma bmi2 avx2"
		skylake = haswell + " avx512f avx512dq avx512cd avx512bw avx512vl"
		icelake = skylake + " avx512vbmi avx512_vnni"
		all     = "ggml-cpu-zen4 ggml-cpu-icelake ggml-cpu-skylakex ggml-cpu-alderlake ggml-cpu-haswell ggml-cpu-sandybridge ggml-cpu-sse42 ggml-cpu-x64"
	)
	tests := map[string]struct {
		cpu, variants string
		args          []string
		want          string
	}{
		"sandybridge":           {cpu: strings.Replace(haswell, " fma", "", 1), want: "ggml-cpu-sandybridge"},
		"haswell":               {cpu: haswell, want: "ggml-cpu-haswell"},
		"alderlake":             {cpu: haswell + " avx_vnni", want: "ggml-cpu-alderlake"},
		"icelake":               {cpu: icelake, want: "ggml-cpu-icelake"},
		"zen5":                  {cpu: icelake + " avx_vnni avx512_bf16", want: "ggml-cpu-zen4"},
		"one that says nothing": {cpu: "model name : x", want: all},
		"all":                   {cpu: haswell, args: []string{"--all"}, want: all},
		"some":                  {cpu: icelake, variants: "haswell x64", want: "ggml-cpu-haswell ggml-cpu-x64"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "cache", os.Getenv("PATH"))
			cpuinfo := filepath.Join(t.TempDir(), "cpuinfo")
			if err := os.WriteFile(cpuinfo, []byte("processor : 0\n"+test.cpu+"\n\nprocessor : 1\n"+test.cpu+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			b.env = append(b.env, "CPUINFO="+cpuinfo, "VARIANTS="+test.variants)
			b.must(append([]string{"backends"}, test.args...)...)
			got, err := os.ReadFile(b.count + ".targets")
			if err != nil {
				t.Fatal(err)
			}
			if strings.TrimSpace(string(got)) != test.want {
				t.Errorf("builds %q, want %q", strings.TrimSpace(string(got)), test.want)
			}
		})
	}

	b := newBench(t, "cache", os.Getenv("PATH"))
	b.env = append(b.env, "VARIANTS=haswel")
	if out, err := b.native("backends"); err == nil || !strings.Contains(out, `no CPU backend "haswel"`) {
		t.Errorf("a name that is not known: %v\n%s", err, out)
	}
}

func TestFailedBuildLeavesNothingAndGoesOn(t *testing.T) {
	b := newBench(t, "cache", os.Getenv("PATH"))
	if err := os.WriteFile(b.fail, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := b.native("backends")
	if err == nil {
		t.Error("the build failed and the script did not")
	}
	if !strings.Contains(out, "the disk is full") {
		t.Errorf("the reason is not told:\n%s", out)
	}
	lib := strings.TrimSpace(b.must("lib"))
	if _, err := os.Lstat(lib); !os.IsNotExist(err) {
		t.Errorf("%s is there after a failed build", lib)
	}
	if err := os.Remove(b.fail); err != nil {
		t.Fatal(err)
	}
	b.must("backends")
	b.wantBackends()
}

// TestEnvironmentSurvivesShellAndGo has go compile a header that only the printed environment can
// find, in a folder whose name neither the shell nor go may take apart.
func TestEnvironmentSurvivesShellAndGo(t *testing.T) {
	cc := exec.Command("go", "env", "CC")
	name, err := cc.Output()
	if err != nil {
		t.Skip(err)
	}
	if _, err := exec.LookPath(strings.TrimSpace(string(name))); err != nil {
		t.Skip("no C compiler: ", err)
	}
	for _, folder := range []string{"plain", "two words", "it's", `say "when"`} {
		t.Run(folder, func(t *testing.T) {
			b := newBench(t, folder, os.Getenv("PATH"))
			include := filepath.Join(filepath.Dir(strings.TrimSpace(b.must("lib"))), "include")
			program := t.TempDir()
			for path, content := range map[string]string{
				filepath.Join(include, "answer.h"): "#define ANSWER 42\n",
				filepath.Join(program, "go.mod"):   "module answer\n",
				filepath.Join(program, "main.go"):  "package main\n\n// #include \"answer.h\"\nimport \"C\"\n\nfunc main() { println(C.ANSWER) }\n",
			} {
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			env := b.must("env")
			run := exec.CommandContext(t.Context(), "bash", "-c", `eval "$ENVIRONMENT" && go run .`)
			run.Dir = program
			run.Env = append(b.env, "ENVIRONMENT="+env, "CGO_ENABLED=1")
			out, err := run.CombinedOutput()
			if got := strings.TrimSpace(string(out)); err != nil || got != "42" {
				t.Errorf("%v\n%s\nin the environment\n%s", err, got, env)
			}
		})
	}
}

// TestEnvironmentKeepsTheUsersFlags also asks twice, as a shell that has evaluated the lines does:
// flags that grow would have go compile everything again.
func TestEnvironmentKeepsTheUsersFlags(t *testing.T) {
	b := newBench(t, "cache", os.Getenv("PATH"))
	b.env = append(b.env, "CGO_CPPFLAGS=-DMINE", "CGO_CFLAGS=-O3")
	print := `echo "$CGO_CPPFLAGS|$CGO_CFLAGS|$CGO_CXXFLAGS"`
	once := b.must("exec", "bash", "-c", print)
	twice := b.must("exec", "bash", "scripts/native.sh", "exec", "bash", "-c", print)
	include := filepath.Join(filepath.Dir(strings.TrimSpace(b.must("lib"))), "include")
	if want := "-I" + include + " -DMINE|-O3|-O2 -fstack-protector-strong "; !strings.HasPrefix(once, want) {
		t.Errorf("got %q, want it to begin with %q", once, want)
	}
	if once != twice {
		t.Errorf("once %q, twice %q", once, twice)
	}
}

// TestKernels runs the kernels that scripts/patches adds beside those that they replace, in each backend that was
// built and that this machine's processor can run: the patches have code for several sets of instructions.
func TestKernels(t *testing.T) {
	lib := strings.TrimSpace((&bench{t: t, env: os.Environ()}).must("lib"))
	backends, err := filepath.Glob(filepath.Join(lib, "libggml-cpu-*.so"))
	if err != nil {
		t.Fatal(err)
	}
	if len(backends) == 0 {
		t.Skip("no backends are built: run make native")
	}
	if built, err := os.ReadFile(filepath.Join(lib, "built-from.txt")); err != nil || !strings.Contains(string(built), "patches") {
		t.Skip("the backends were built without patches: ", err)
	}
	source := filepath.Join("testdata", "kernels.cpp")
	if _, err := os.Stat(source); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "kernels")
	build := exec.CommandContext(t.Context(), "c++", "-O1", "-std=c++17", "-I", filepath.Join(filepath.Dir(lib), "include"), source,
		"-o", program, "-L", lib, "-l:libggml-base.so.0", "-ldl", "-Wl,-rpath,"+lib)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	const unsupported = 3 // how the program ends when the processor cannot run the backend
	for _, backend := range backends {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(filepath.Base(backend), "libggml-cpu-"), ".so"), func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), program, backend).CombinedOutput()
			t.Logf("%s", out)
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == unsupported {
				t.Skip("this processor cannot run it")
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
}
