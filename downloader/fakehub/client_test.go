package fakehub

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The hub would be an invention of ours if its own clients did not take it for real.
// They are found by BISE_TEST_HF, the path of hf, or on PATH, and by
// BISE_TEST_NODE_MODULES, a folder with @huggingface/hub in it.

// hf is the path of Hugging Face's own program, in a folder with the Python that has
// its library.
func hf(t *testing.T) string {
	t.Helper()
	if path := os.Getenv("BISE_TEST_HF"); path != "" {
		return path
	}
	path, err := exec.LookPath("hf")
	if err != nil {
		t.Skip("hf, of the Python package huggingface_hub, is not here: set BISE_TEST_HF to its path")
	}
	return path
}

// play runs a client against the hub, with a home of its own.
func play(t *testing.T, h *Hub, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "HF_ENDPOINT="+h.URL, "HF_HUB_DISABLE_XET=1", "HF_HUB_DISABLE_TELEMETRY=1", "HF_HUB_DISABLE_PROGRESS_BARS=1",
		"HF_HOME="+t.TempDir(), "HF_TOKEN=", "NO_PROXY=*", "PYTHONDONTWRITEBYTECODE=1")
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", name, err, out, h.lines())
	}
	return string(out)
}

func TestHfDownloads(t *testing.T) {
	path := hf(t)
	h := New(t, Standard())
	dir := t.TempDir()
	play(t, h, path, "download", "acme/plain", "--local-dir", dir)
	for _, f := range tiny() {
		data, err := os.ReadFile(filepath.Join(dir, f.Path))
		if err != nil {
			t.Error(err)
			continue
		}
		if got := sha256.Sum256(data); hex.EncodeToString(got[:]) != f.SHA256() {
			t.Errorf("%s is another file", f.Path)
		}
	}
	h.AssertNoTokenLeak(t)
	if h.Count(CDN) == 0 {
		t.Error("nothing came from the CDN")
	}
}

func TestHfAsksEverything(t *testing.T) {
	python := filepath.Join(filepath.Dir(hf(t)), "python3")
	if _, err := os.Stat(python); err != nil {
		t.Skip("the Python of huggingface_hub is not beside hf")
	}
	h := New(t, Standard())
	out := play(t, h, python, "testdata/client.py", Ann, Bob, t.TempDir())
	var size int64
	for _, f := range tiny() {
		size += f.Content.Size()
	}
	q8 := GGUF("tiny-Q8_0.gguf", "Q8_0", 2_000_000).Content.Size()
	compare(t, out, fmt.Sprintf(`info %s
renamed acme/tiny
sizes %d
pr 4
tree 2501
folder ['sub/dir/weird name+%%&#é.txt']
expanded ['safe']
paths [%d]
refs ['main']
metadata %d
small 24
download 3
empty 0
snapshot %d
solo 9
whoami ann
allowed None
private 24
gated GatedRepoError
forbidden GatedRepoError
no repository RepositoryNotFoundError
no revision RevisionNotFoundError
no entry RemoteEntryNotFoundError
`, h.repos["acme/tiny"].Head("main"), size, q8, q8, len(tiny())-2+1))
	h.AssertNoTokenLeak(t)
}

func TestHubJSAsksEverything(t *testing.T) {
	modules := os.Getenv("BISE_TEST_NODE_MODULES")
	if modules == "" {
		t.Skip("BISE_TEST_NODE_MODULES does not name a folder with @huggingface/hub")
	}
	h := New(t, Standard())
	q8 := GGUF("tiny-Q8_0.gguf", "Q8_0", 2_000_000).Content.Size()
	out := play(t, h, "node", "testdata/client.mjs", modules, h.URL, t.TempDir())
	compare(t, out, fmt.Sprintf("info acme/plain\nfiles 2500\npaths %d\nfile %d\nbytes %d\nsmall {\"model_type\":\"mistral\"}\nsnapshot string\n", q8, q8, q8))
	h.AssertNoTokenLeak(t)
}

func compare(t *testing.T, got, want string) {
	t.Helper()
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		var a, b string
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			t.Errorf("line %d: %q, not %q", i+1, a, b)
		}
	}
}
