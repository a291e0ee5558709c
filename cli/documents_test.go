package cli

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/bise-sh/bise/engine/llama"
	"github.com/bise-sh/bise/gguf/tinymodel"
)

// Commands in documents are run, and what they print has the shape that is shown.
//
// A block of commands runs in an empty home folder with the files of
// testdata/documents/NAME.txtar, where NAME is that of the document. A comment before the block
// says otherwise:
//
//	<!-- run: NAME -->        other files
//	<!-- shape: rows -->      only the first word of each line is compared: the rest is the machine's
//	<!-- exit: 1 -->          the exit code of the last command
//	<!-- needs: engine -->    it is skipped in a build without cgo
//	<!-- not run: REASON -->  the block cannot run here
//
// Without a comment, a command whose output has a line "bise: …" fails, and all others succeed.
// A line "…" stands for any lines, and "…" in a line for any text.

// reasons are why a block may not run. A new one is added here, so that nothing is skipped by
// the way; the test logs how many blocks are.
var reasons = regexp.MustCompile(`^(it (builds bise|downloads a model|asks (the hub|a server)|opens a fixed port|measures|trains|makes a release|needs .+)|\S+ stands for any program)$`)

// A block is commands in a document.
type block struct {
	document string
	line     int // of the first command
	comment  map[string]string
	steps    []step
}

// A step is a command and the lines that follow it.
type step struct {
	command string
	shown   []string
}

var (
	commented = regexp.MustCompile(`^ *<!-- (run|shape|exit|needs|not run): (.+) -->$`)
	// starts are the words that a block of commands without prompts begins with.
	starts = regexp.MustCompile(`^((bise|make|git|go|curl|eval|export|[A-Z_]+=\S+|aider|lm_eval|brew|sudo|apt|scoop|winget|nix|tar|ollama|codex|claude) )`)
)

// blocksOf returns the blocks of commands in a document.
func blocksOf(name, text string) (list []block) {
	lines := strings.Split(text, "\n")
	comment := map[string]string{}
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		if m := commented.FindStringSubmatch(line); m != nil {
			comment[m[1]] = m[2]
			continue
		}
		var body []string
		first, maybe := i+1, true
		fence, fenced := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fenced:
			first++
			maybe = slices.Contains([]string{"", "sh", "console"}, fence)
			for i++; i < len(lines) && strings.TrimSpace(lines[i]) != "```"; i++ {
				body = append(body, lines[i])
			}
		case strings.HasPrefix(line, "    ") && (i == 0 || strings.TrimSpace(lines[i-1]) == "" || commented.MatchString(lines[i-1])):
			for ; i < len(lines) && (strings.HasPrefix(lines[i], "    ") || strings.TrimSpace(lines[i]) == ""); i++ {
				body = append(body, strings.TrimPrefix(lines[i], "    "))
			}
			i--
		case strings.TrimSpace(line) != "":
			comment = map[string]string{}
			continue
		default:
			continue
		}
		for len(body) > 0 && body[len(body)-1] == "" {
			body = body[:len(body)-1]
		}
		if steps := stepsOf(body); maybe && len(steps) > 0 {
			list = append(list, block{name, first, comment, steps})
		}
		comment = map[string]string{}
	}
	return list
}

// stepsOf returns the commands of a block: its lines after "$ ", or all lines if the first is a
// command.
func stepsOf(body []string) (steps []step) {
	prompts := slices.ContainsFunc(body, func(l string) bool { return strings.HasPrefix(l, "$ ") })
	if !prompts && (len(body) == 0 || !starts.MatchString(body[0])) {
		return nil
	}
	for i := 0; i < len(body); i++ {
		command, ok := strings.CutPrefix(body[i], "$ ")
		switch {
		case ok, !prompts:
			for strings.HasSuffix(command, `\`) && i+1 < len(body) {
				i++
				command += "\n" + body[i]
			}
			steps = append(steps, step{command: command})
		case len(steps) > 0:
			last := &steps[len(steps)-1]
			last.shown = append(last.shown, body[i])
		}
	}
	return steps
}

func TestDocumentedCommands(t *testing.T) {
	for _, tool := range []string{"bash", "git", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip("the commands of the documents need it: ", err)
		}
	}
	documents, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	skipped, ran := 0, 0
	for _, path := range append(documents, "../README.md", "../CONTRIBUTING.md", "../SECURITY.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(path), ".md")
		for _, b := range blocksOf(name, string(text)) {
			if reason := b.comment["not run"]; reason != "" {
				if !reasons.MatchString(reason) {
					t.Errorf("%s:%d: not run: %s: want one of %v", name, b.line, reason, reasons)
				}
				skipped++
				continue
			}
			ran++
			t.Run(fmt.Sprintf("%s:%d", name, b.line), func(t *testing.T) {
				t.Parallel()
				if b.comment["needs"] == "engine" && !hasEngine() {
					t.Skip("this build has no engine")
				}
				runBlock(t, b)
			})
		}
	}
	t.Logf("%d blocks of commands run, %d are marked as not run", ran, skipped)
	if ran < 20 {
		t.Errorf("%d blocks of commands run: are they still found?", ran)
	}
}

// runBlock runs the commands of a block in one shell and compares what they print.
func runBlock(t *testing.T, b block) {
	home, err := os.MkdirTemp("", "bise-doc") // the names of tests are too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	setup := b.document
	if name := b.comment["run"]; name != "" {
		setup = name
	}
	prepare := extract(t, filepath.Join("testdata/documents", setup+".txtar"), home)
	out := filepath.Join(home, ".out")
	if err := os.Mkdir(out, 0o700); err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	fmt.Fprintf(&script, "exec </dev/null\n{ %s\n} >%s/setup 2>&1 || { cat %[2]s/setup; exit 1; }\n", prepare, out)
	for i, s := range b.steps {
		fmt.Fprintf(&script, "{ %s\n} >%s/%d 2>&1\ncode=$?; echo $code >%[2]s/%[3]d.code; (exit $code)\n", s.command, out, i)
	}
	script.WriteString("exit 0\n")
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	env := append(os.Environ(),
		"HOME="+home, "XDG_CONFIG_HOME=", "XDG_DATA_HOME=", "XDG_STATE_HOME=", "XDG_CACHE_HOME=", "XDG_RUNTIME_DIR="+out,
		"BISE_MODEL=", "HF_TOKEN=", "HF_HUB_OFFLINE=1", "NO_COLOR=", "TERM=dumb",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@example.org", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@example.org",
	)
	sh := exec.CommandContext(ctx, "bash", "-c", script.String())
	sh.Dir, sh.Env = home, env
	text, err := sh.CombinedOutput()
	stop := exec.Command("bise", "stop", "--all")
	stop.Env = env
	if out, err := stop.CombinedOutput(); err != nil {
		t.Errorf("stop workers: %v\n%s", err, out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for i, s := range b.steps {
		data, err := os.ReadFile(filepath.Join(out, strconv.Itoa(i)))
		if err != nil {
			t.Fatal(err)
		}
		code, _ := os.ReadFile(filepath.Join(out, strconv.Itoa(i)+".code"))
		got := strings.ReplaceAll(string(data), home, "/home/ann")
		want := "0"
		if slices.ContainsFunc(s.shown, func(l string) bool { return strings.HasPrefix(l, "bise: ") }) {
			want = "[1-9].*"
		}
		if c := b.comment["exit"]; c != "" && i == len(b.steps)-1 {
			want = c
		}
		if !regexp.MustCompile("^(" + want + ")\n$").Match(code) {
			t.Errorf("$ %s\nexit code %s, want %s; it printed:\n%s", s.command, bytes.TrimSpace(code), want, got)
		}
		if len(s.shown) > 0 && !sameShape(got, s.shown, b.comment["shape"] == "rows") {
			t.Errorf("$ %s\nprinted:\n%s\nthe document shows:\n%s", s.command, got, strings.Join(s.shown, "\n"))
		}
	}
}

// extract writes the files of an archive into a folder, and returns the archive's comment: shell
// commands that come before those of the block. Two kinds of files are made by their content:
//
//	image WIDTH HEIGHT    a PNG or JPEG, after the file's name
//	tiny [KIND]           a model of random weights: chatml, embedder
func extract(t *testing.T, path, dir string) (prepare string) {
	t.Helper()
	a, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range a.Files {
		to := filepath.Join(dir, f.Name)
		if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
			t.Fatal(err)
		}
		data := f.Data
		var w, h int
		if n, _ := fmt.Sscanf(string(data), "image %d %d", &w, &h); n == 2 {
			data = drawing(t, filepath.Ext(f.Name), w, h)
		}
		if tiny, ok := tinyModels[strings.TrimSpace(string(data))]; ok {
			err = tinymodel.Write(to, tiny)
		} else {
			err = os.WriteFile(to, data, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		// The first model is the oldest, whatever the clock of the file system.
		when := time.Now().Add(time.Duration(i-len(a.Files)) * time.Minute)
		if err := os.Chtimes(to, when, when); err != nil {
			t.Fatal(err)
		}
	}
	if strings.TrimSpace(string(a.Comment)) == "" {
		return ":"
	}
	return string(a.Comment)
}

var tinyModels = map[string]tinymodel.Options{"tiny": {}, "tiny chatml": tinymodel.ChatML(), "tiny embedder": tinymodel.Embedder()}

// hasEngine reports whether this build can run models.
func hasEngine() bool {
	devices, _ := llama.Devices()
	return len(devices) > 0
}

func drawing(t *testing.T, ext string, w, h int) []byte {
	t.Helper()
	var b bytes.Buffer
	var err error
	if picture := image.NewGray(image.Rect(0, 0, w, h)); ext == ".png" {
		err = png.Encode(&b, picture)
	} else {
		err = jpeg.Encode(&b, picture, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var (
	hashes  = regexp.MustCompile(`\b[0-9a-f]{64}\b|\b[0-9a-f]{4}…[0-9a-f]{4}\b`)
	numbers = regexp.MustCompile(`[-−]?\d[\d.,:]*(e-?\d+)?k?\b`)
	sizes   = regexp.MustCompile(`# (B|kB|MB|GB|TB|ns|µs|ms|s|min)\b`)
	words   = regexp.MustCompile(`\S+`)
)

// shape is a line without what changes from one run to the next: numbers, sizes, hashes, white
// space.
func shape(line string) string {
	line = hashes.ReplaceAllString(line, "#")
	line = numbers.ReplaceAllString(line, "#")
	line = sizes.ReplaceAllString(line, "# u")
	return strings.Join(words.FindAllString(line, -1), " ")
}

// sameShape compares what a command printed with what a document shows.
func sameShape(got string, shown []string, rows bool) bool {
	var lines []string
	for line := range strings.Lines(got) {
		lines = append(lines, shape(line))
	}
	if rows {
		for _, want := range shown {
			first, _, _ := strings.Cut(shape(want), " ")
			if want != "…" && first != "" && !slices.ContainsFunc(lines, func(l string) bool { return l == first || strings.HasPrefix(l, first+" ") }) {
				return false
			}
		}
		return true
	}
	var pattern strings.Builder
	for _, want := range shown {
		if strings.TrimSpace(want) == "…" {
			pattern.WriteString(`(.*\n)*`)
			continue
		}
		pattern.WriteString(strings.ReplaceAll(regexp.QuoteMeta(shape(want)), "…", ".*") + `\n`)
	}
	return regexp.MustCompile(`^` + pattern.String() + `\n*$`).MatchString(strings.Join(lines, "\n") + "\n")
}

func TestShape(t *testing.T) {
	for _, c := range []struct {
		got, shown string
		same       bool
	}{
		{"a.png 30×10 → 4 tokens\n", "a.png 300×100 → 48 tokens", true},
		{"12.5 MB  done\n", "800 kB done", true},
		{"12.5 MB  done\n", "800 kB missing", false},
		{"1\n2\n3\n", "1\n…", true},
		{"a\nb\n", "a", false},
		{"a\n", "a\nb", false},
		{"sha256 0123…cdef\n", "sha256 aaaa…bbbb", true},
		{"load 1.30 s · queue 3 µs\n", "load 12 ms · queue 0.995 ms", true},
	} {
		if sameShape(c.got, strings.Split(c.shown, "\n"), false) != c.same {
			t.Errorf("%q is shown as %q: want %v", c.got, c.shown, c.same)
		}
	}
}

func TestBlocksOf(t *testing.T) {
	const text = "# Title\n\n    drawing │ of a screen\n\n```toml\nmodel = \"x\"\n```\n\n<!-- not run: it builds -->\n```sh\nmake run\n```\n\n    $ bise list\n    NAME\n    \n    MODE\n    $ bise use\n\nText.\n\n    bise ask \\\n      x\n    bise ps\n"
	var got []string
	for _, b := range blocksOf("x", text) {
		got = append(got, fmt.Sprintf("%d %q %q", b.line, b.comment["not run"], b.steps))
	}
	want := []string{
		`11 "it builds" [{"make run" []}]`,
		`14 "" [{"bise list" ["NAME" "" "MODE"]} {"bise use" []}]`,
		`22 "" [{"bise ask \\\n  x" []} {"bise ps" []}]`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
