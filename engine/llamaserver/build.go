package llamaserver

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/bise-sh/bise/atomicfile"
	"github.com/bise-sh/bise/fault"
)

const (
	// inspectWithin is how long --version and --help may take. Backends of GPUs are loaded first.
	inspectWithin = 30 * time.Second
	// maxInspect is how many bytes of their output are read.
	maxInspect = 1 << 20
	// program is the name that is looked up on the PATH.
	program = "llama-server"
)

// A Build is an installed llama-server, and what its --version and --help say.
type Build struct {
	Path    string    `json:"path"`
	Version string    `json:"version"` // "b11434", or what --version prints
	Flags   []string  `json:"flags"`   // that it knows, with their dashes
	Flash   bool      `json:"flash"`   // --flash-attn takes on, off or auto
	Size    int64     `json:"size"`    // bytes of the program
	ModTime time.Time `json:"modified"`
}

// Has reports whether the build knows a flag.
func (b *Build) Has(flag string) bool { return slices.Contains(b.Flags, flag) }

// String names the build: "llama-server b11434".
func (b *Build) String() string { return program + " " + b.Version }

// Locate returns the path of the llama-server that is named, or of the one on the PATH if name is
// "". The error is of kind NotFound or File.
func Locate(name string) (string, error) {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return "", fault.Advise(fault.Errorf(fault.File, "cannot run %s: it is a folder", name), "%s", pathAdvice)
	}
	path, err := exec.LookPath(cmp.Or(name, program))
	if errors.Is(err, exec.ErrDot) {
		err = nil // the user named it
	}
	switch {
	case err == nil:
		return filepath.Abs(path)
	case name == "":
		return "", fault.Advise(fault.Errorf(fault.NotFound, "cannot find llama-server on the PATH"), "%s", InstallAdvice)
	case errors.Is(err, os.ErrPermission):
		return "", fault.Advise(fault.Errorf(fault.File, "cannot run %s: it is not executable", name), "%s", pathAdvice)
	default:
		return "", fault.Advise(fault.Errorf(fault.NotFound, "cannot find the llama-server %s", name), "%s", pathAdvice)
	}
}

const (
	// InstallAdvice says how to get a llama-server.
	InstallAdvice = "Install llama.cpp (for example: brew install llama.cpp), or set llama_server in the [engine] table of config.toml."
	pathAdvice    = "Correct llama_server in the [engine] table of config.toml."
	updateAdvice  = "Install a newer llama.cpp, or name another one with llama_server in the [engine] table of config.toml."
)

// required are flags without which a llama-server cannot be used safely.
var required = []string{"--model", "--host", "--ctx-size", "--parallel", "--api-key-file"}

// Inspect asks the llama-server at path what it is. The answer is kept in the file cache until the
// program's size or modification time changes; with cache "" it is not kept. The error is of kind
// NotFound, File or Unsupported.
func Inspect(ctx context.Context, path, cache string) (*Build, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.Advise(fault.Errorf(fault.NotFound, "cannot find the llama-server %s", path), "%s", pathAdvice)
	}
	if b := remembered(cache, path); b != nil && b.Size == info.Size() && b.ModTime.Equal(info.ModTime()) {
		return b, nil
	}
	b := &Build{Path: path, Size: info.Size(), ModTime: info.ModTime()}
	version, err := output(ctx, path, "--version")
	if err != nil {
		return nil, err
	}
	help, err := output(ctx, path, "--help")
	if err != nil {
		return nil, err
	}
	b.Version = parseVersion(version)
	b.Flags = parseFlags(help)
	b.Flash = regexp.MustCompile(`--flash-attn\s+\[on\|off\|auto\]`).Match(help)
	if !b.Has("--model") || !b.Has("--host") {
		return nil, fault.Advise(fault.Errorf(fault.Unsupported, "cannot use %s: it is not llama-server", path), "%s", pathAdvice)
	}
	for _, flag := range required {
		if !b.Has(flag) {
			return nil, tooOld(b, "it does not know "+flag)
		}
	}
	if !unixSockets.Match(help) {
		return nil, tooOld(b, "it cannot listen on a Unix socket")
	}
	remember(cache, b)
	return b, nil
}

var unixSockets = regexp.MustCompile(`(?i)unix socket`)

func tooOld(b *Build, why string) error {
	return fault.Advise(fault.Errorf(fault.Unsupported, "cannot use %s (%s): it is too old, %s", b.Path, b.Version, why), "%s", updateAdvice)
}

// output runs a llama-server that only prints something. Some print to stderr.
func output(ctx context.Context, path, flag string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, inspectWithin, errSlow)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, flag)
	cmd.Env = environment(nil)
	out := &bounded{left: maxInspect}
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = time.Second // a program of its own may hold the pipe
	err := cmd.Run()
	switch {
	case errors.Is(context.Cause(ctx), errSlow):
		return nil, fault.Advise(fault.Errorf(fault.Unsupported, "cannot use %s: %s does not end within %s", path, flag, inspectWithin), "%s", pathAdvice)
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, os.ErrPermission):
		return nil, fault.Advise(fault.Errorf(fault.File, "cannot run %s: it is not executable", path), "%s", pathAdvice)
	case err != nil:
		if _, ended := errors.AsType[*exec.ExitError](err); !ended || out.Len() == 0 {
			return nil, fault.Advise(fault.Errorf(fault.Unsupported, "cannot run %s %s: %w", path, flag, plain(err)), "%s", pathAdvice)
		}
	}
	return out.Bytes(), nil
}

var errSlow = errors.New("it takes too long")

// plain is the reason of an error of exec, without the path.
func plain(err error) error {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err
	}
	return err
}

// bounded keeps the first bytes that are written to it.
type bounded struct {
	bytes.Buffer
	left int
}

func (b *bounded) Write(p []byte) (int, error) {
	n := min(len(p), b.left)
	b.left -= n
	b.Buffer.Write(p[:n])
	return len(p), nil
}

// versionLine matches the line of --version: "version: 11434 (0123abc)", "version: b11434-0123abc".
var versionLine = regexp.MustCompile(`(?mi)^\s*(?:llama-server |llama\.cpp )?(?:version|build)\s*:?\s+(\S+)(?:\s+\(([^)]*)\))?`)

// number matches the number of a build.
var number = regexp.MustCompile(`\bb?(\d{3,6})\b`)

// parseVersion returns the name of a build: "b11434", or what --version calls it.
func parseVersion(out []byte) string {
	m := versionLine.FindSubmatch(ansi.ReplaceAll(out, nil))
	if m == nil {
		return "of an unknown version"
	}
	name := string(m[1])
	for _, part := range m[1:] {
		if n := number.FindSubmatch(part); n != nil && !strings.Contains(string(part), ".") {
			return "b" + string(n[1])
		}
	}
	return cleanLine(name, 40)
}

// flagName matches the flags at the beginning of a line of --help, before its text.
var flagName = regexp.MustCompile(`^--?[A-Za-z][A-Za-z0-9-]*$`)

// parseFlags returns the flags that --help lists. Text that only mentions a flag is not a list.
func parseFlags(help []byte) []string {
	var flags []string
	lines := bufio.NewScanner(bytes.NewReader(help))
	lines.Buffer(nil, maxInspect)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(strings.TrimLeft(line, " "), "-") || strings.HasPrefix(line, "        ") {
			continue
		}
		for i, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ' ' || r == ',' || r == '\t' }) {
			if !flagName.MatchString(word) {
				if i > 0 && !strings.HasPrefix(word, "-") && word != strings.ToUpper(word) {
					break
				}
				continue
			}
			flags = append(flags, word)
		}
	}
	slices.Sort(flags)
	return slices.Compact(flags)
}

// remembered returns what the cache file knows of the program at path, or nil.
func remembered(cache, path string) *Build {
	if cache == "" {
		return nil
	}
	data, err := atomicfile.ReadFile(cache, maxInspect)
	if err != nil {
		return nil
	}
	var builds []*Build
	if json.Unmarshal(data, &builds) != nil {
		return nil
	}
	for _, b := range builds {
		if b != nil && b.Path == path {
			return b
		}
	}
	return nil
}

// remember writes a build to the cache file. Without the file it is asked again.
func remember(cache string, b *Build) {
	if cache == "" {
		return
	}
	const most = 8
	builds := []*Build{b}
	if data, err := atomicfile.ReadFile(cache, maxInspect); err == nil {
		var old []*Build
		if json.Unmarshal(data, &old) == nil {
			for _, o := range old {
				if o != nil && o.Path != b.Path && len(builds) < most {
					builds = append(builds, o)
				}
			}
		}
	}
	data, err := json.Marshal(builds)
	if err != nil || os.MkdirAll(filepath.Dir(cache), 0o700) != nil {
		return
	}
	_ = atomicfile.WriteFile(cache, data, 0o600)
}

// environment is that of the child: what names a setting of llama-server is left out, since bise
// sets them all.
func environment(more []string) []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, "LLAMA_ARG_") || name == "LLAMA_API_KEY" || name == "HF_TOKEN" {
			continue
		}
		env = append(env, v)
	}
	// On a failed assertion ggml would start a debugger.
	return append(append(env, "GGML_NO_BACKTRACE=1"), more...)
}

// cleanLine is a foreign text in one line without what controls a terminal, of at most n bytes.
func cleanLine(s string, n int) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\n' || r == '\r':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, ansi.ReplaceAllString(strings.ToValidUTF8(s, "\uFFFD"), ""))
	s = strings.TrimSpace(s)
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

var ansi = regexp.MustCompile(`\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)?`)
