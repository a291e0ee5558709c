package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

// TestCheck compiles a program with the flags of scripts/native.sh, and one with the opposite of each.
func TestCheck(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("tried on Linux x86-64 only")
	}
	for _, tool := range []string{"bash", "go", "c++", "cc"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skip(err)
		}
	}
	// go test, which would else repeat an old result, sees what the test itself reads.
	script, err := filepath.Abs(filepath.Join("..", "native.sh"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(script); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod": "module program\n",
		"main.go": `package main

// #include <string.h>
// static int sum(const char *s, int n) {
//	char copy[64];
//	int total = 0;
//	memcpy(copy, s, n);
//	for (int i = 0; i < n; i++) total += copy[i];
//	return total;
// }
import "C"
import "os"

func main() { println(C.sum(C.CString(os.Args[0]), C.int(len(os.Args)))) }
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := func(name, command string) string {
		program := filepath.Join(dir, name)
		cmd := exec.CommandContext(t.Context(), "bash", "-c", command)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "SCRIPT="+script, "PROGRAM="+program, "BISE_NATIVE_CACHE="+filepath.Join(dir, "cache"),
			"CGO_ENABLED=1", "CGO_CFLAGS=", "CGO_CXXFLAGS=", "CGO_LDFLAGS=", "GOFLAGS=")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return program
	}

	hard := build("hard", `eval "$(bash "$SCRIPT" env)" && go build -buildmode=pie -o "$PROGRAM" .`)
	if missing, err := check(hard, true); err != nil || len(missing) > 0 {
		t.Errorf("%v, %v", missing, err)
	}

	soft := build("soft", `CGO_CFLAGS="-O2 -fno-stack-protector -U_FORTIFY_SOURCE" \
		CGO_LDFLAGS="-Wl,-z,lazy -Wl,-z,norelro -Wl,-z,execstack -Wl,-rpath,/somewhere" go build -o "$PROGRAM" .`)
	missing, err := check(soft, true)
	want := []string{
		"executable stack", "no RELRO", "lazy binding", "not position-independent",
		"searches libraries in /somewhere", "no stack protector", "no _FORTIFY_SOURCE",
	}
	if err != nil || !slices.Equal(missing, want) {
		t.Errorf("got %q, %v, want %q", missing, err, want)
	}

	if _, err := check(filepath.Join(dir, "go.mod"), true); err == nil {
		t.Error("a file that is not ELF passes")
	}
}
