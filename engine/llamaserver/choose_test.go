package llamaserver

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The list is that of the llama.cpp which bise is built with.
func TestArchitectures(t *testing.T) {
	dir, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/ollama/ollama").Output()
	if err != nil {
		t.Skipf("cannot run go list: %v", err)
	}
	source, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "llama/llama.cpp/src/llama-arch.cpp"))
	if err != nil {
		t.Skipf("its source is not here: %v", err)
	}
	_, names, _ := strings.Cut(string(source), "LLM_ARCH_NAMES = {")
	names, _, _ = strings.Cut(names, "};")
	var want []string
	for _, m := range regexp.MustCompile(`"([^"]+)"`).FindAllStringSubmatch(names, -1) {
		// A vision encoder is no model, and the last one stands for what is not known.
		if m[1] != "clip" && m[1] != "(unknown)" {
			want = append(want, m[1])
		}
	}
	slices.Sort(want)
	if len(want) < 50 || !slices.Equal(architectures, want) {
		t.Errorf("it knows\n%s\nand the list is\n%s", strings.Join(want, " "), strings.Join(architectures, " "))
	}
}
