package worker

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bise-sh/bise/engine"
)

func TestKey(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one, two := write("one.gguf", "1"), write("two.gguf", "2")
	yes := true
	base := Spec{Name: "m", Path: one, Fingerprint: "f"}
	with := func(change func(*Spec)) Spec {
		s := base
		change(&s)
		return s
	}
	for _, tt := range []struct {
		name string
		a, b Spec
		same bool
	}{
		{"the same", base, base, true},
		{"another name and place", base, with(func(s *Spec) { s.Name, s.Path = "n", two }), true},
		{"another version and keep-alive", base, with(func(s *Spec) { s.Version, s.KeepAlive = "2", -1 }), true},
		{"where state is kept", base, with(func(s *Spec) { s.Options.StateDir, s.Options.StateBytes = "/x", 1 }), true},
		{"where backends are", base, with(func(s *Spec) { s.Options.BackendDirs = []string{"/x"} }), true},
		{"other weights", base, with(func(s *Spec) { s.Fingerprint = "g" }), false},
		{"another context", base, with(func(s *Spec) { s.Options.Context = 8192 }), false},
		{"flash attention", base, with(func(s *Spec) { s.Options.FlashAttn = &yes }), false},
		{"an adapter", base, with(func(s *Spec) { s.Options.Adapters = []engine.Adapter{{Path: "/a", Scale: 1}} }), false},
		{"another projector's content", with(func(s *Spec) { s.Options.Projector = one }), with(func(s *Spec) { s.Options.Projector = two }), false},
		{"no fingerprint, same file", Spec{Path: one}, Spec{Path: filepath.Join(dir, ".", "one.gguf")}, true},
		{"no fingerprint, other file", Spec{Path: one}, Spec{Path: two}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a, err := tt.a.Key()
			if err != nil {
				t.Fatal(err)
			}
			b, err := tt.b.Key()
			if err != nil {
				t.Fatal(err)
			}
			if (a == b) != tt.same {
				t.Errorf("%s and %s", a, b)
			}
			if len(a) != 16 {
				t.Errorf("%q is not 16 digits", a)
			}
		})
	}
	if _, err := (Spec{Path: filepath.Join(dir, "absent")}).Key(); !os.IsNotExist(err) {
		t.Errorf("a file that is not there: %v", err)
	}
}
