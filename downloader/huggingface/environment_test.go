package huggingface

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bise-sh/bise/fault"
)

func TestEnvironment(t *testing.T) {
	home := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	file := write("huggingface/token", " hf_file\n")
	other := write("other", "hf_other")
	empty := write("empty", "\n")
	for _, c := range []struct {
		name string
		env  map[string]string
		want Options
	}{
		{"nothing", map[string]string{"HF_HOME": home}, Options{}},
		{"a variable", map[string]string{"HF_TOKEN": " hf_env\n", "HF_TOKEN_PATH": file}, Options{Token: "hf_env", TokenFrom: "HF_TOKEN"}},
		{"the old variable", map[string]string{"HF_TOKEN": " ", "HUGGING_FACE_HUB_TOKEN": "hf_old"}, Options{Token: "hf_old", TokenFrom: "HUGGING_FACE_HUB_TOKEN"}},
		{"a file that is named", map[string]string{"HF_TOKEN_PATH": other, "HF_HOME": filepath.Join(home, "huggingface")}, Options{Token: "hf_other", TokenFrom: other}},
		{"the home", map[string]string{"HF_HOME": filepath.Join(home, "huggingface")}, Options{Token: "hf_file", TokenFrom: file}},
		{"the cache", map[string]string{"XDG_CACHE_HOME": home}, Options{Token: "hf_file", TokenFrom: file}},
		{"an empty file", map[string]string{"HF_TOKEN_PATH": empty}, Options{}},
		{"no implicit token", map[string]string{"HF_TOKEN_PATH": other, "HF_HUB_DISABLE_IMPLICIT_TOKEN": "yes"}, Options{}},
		{"but an explicit one", map[string]string{"HF_TOKEN": "hf_env", "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1"}, Options{Token: "hf_env", TokenFrom: "HF_TOKEN"}},
		{"offline", map[string]string{"HF_HOME": home, "HF_HUB_OFFLINE": "True"}, Options{Offline: true}},
		{"offline as transformers says it", map[string]string{"HF_HOME": home, "TRANSFORMERS_OFFLINE": "on"}, Options{Offline: true}},
		{"not offline", map[string]string{"HF_HOME": home, "HF_HUB_OFFLINE": "0"}, Options{}},
		{"a mirror", map[string]string{"HF_HOME": home, "HF_ENDPOINT": " https://hub.example.org/hf/ "}, Options{Endpoint: "https://hub.example.org/hf/"}},
	} {
		got, err := Environment(func(name string) string { return c.env[name] })
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", c.name, got, err)
		}
	}
	_, err := Environment(func(name string) string { return map[string]string{"HF_TOKEN_PATH": home}[name] })
	expect(t, err, fault.File, "is not a file", "HF_TOKEN")
}

func TestShownTokens(t *testing.T) {
	for token, want := range map[string]string{"hf_abcdefghijklmnop1234": "hf_…1234", "hf_short": "hf_…", "": "hf_…"} {
		if got := (Options{Token: token}).maskedToken(); got != want {
			t.Errorf("%q: %q", token, got)
		}
	}
}
