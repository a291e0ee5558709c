package code

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCodeCannotOpen checks what is not opened because it would not come out as it
// went in.
func TestCodeCannotOpen(t *testing.T) {
	dir := t.TempDir()
	for name, tt := range map[string]struct{ data, err string }{
		"lf":       {"a\nb", ""},
		"crlf":     {"a\r\nb\r\n", ""},
		"bom":      {"\ufeffa\n", ""},
		"empty":    {"", ""},
		"mixed":    {"a\r\nb\n", "mixed line endings"},
		"escapes":  {"a\x1b[31mb", "control characters"},
		"latin1":   {"caf\xe9", "UTF-8"},
		"zero":     {"a\x00b", "control characters"},
		"too long": {strings.Repeat("x", maxSource+1), "larger than 500 kB"},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(tt.data), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := readSource(dir, name)
		switch {
		case tt.err == "" && err != nil, tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)):
			t.Errorf("%s: %v", name, err)
		case err == nil:
			if err := f.write(f.saved, false); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if now, _ := os.ReadFile(path); string(now) != tt.data {
				t.Errorf("%s came out as %q", name, now)
			}
		}
	}
	for _, name := range []string{"none", "."} {
		if _, err := readSource(dir, name); err == nil || !strings.HasPrefix(err.Error(), "cannot open "+name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
