package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/fault"
)

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	const text = `
model = "codestral"
keep_alive = "30m"
gpu_layers = 0
kv_type = "q8_0"
flash_attn = true
context = 32_768

[sampling]
temperature = 0.2
seed = 7

[endpoints.lab]
url = "http://lab:8000"
dialect = "vllm"

[endpoints.plateforme]
url = "https://api.mistral.ai"
key_command = ["pass", "show", "mistral"]
`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, problems, err := Load(path)
	if err != nil || len(problems) != 0 {
		t.Fatalf("Load: %v, %v", problems, err)
	}
	if c.Model != "codestral" || *c.KeepAlive != 30*time.Minute || *c.GPULayers != 0 || c.KVType != "q8_0" ||
		!*c.FlashAttn || c.Context != 32768 || *c.Sampling.Temperature != 0.2 || *c.Sampling.Seed != 7 {
		t.Errorf("read %+v", c)
	}
	if c.Sampling.TopP != nil || c.Threads != 0 {
		t.Errorf("what is not written is set: %+v", c)
	}
	if lab := c.Endpoints["lab"]; lab.URL != "http://lab:8000" || lab.Dialect != "vllm" {
		t.Errorf("endpoint lab is %+v", lab)
	}
	if e := c.Endpoints["plateforme"]; !slices.Equal(e.KeyCommand, []string{"pass", "show", "mistral"}) {
		t.Errorf("endpoint plateforme is %+v", e)
	}
}

func TestLoadWithoutFile(t *testing.T) {
	c, problems, err := Load(filepath.Join(t.TempDir(), "no", "config.toml"))
	if err != nil || problems != nil || c.Model != "" {
		t.Errorf("Load = %+v, %v, %v", c, problems, err)
	}
}

func TestUnknownKeys(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"root", "\nmodle = \"x\"\n", []string{`f:2: unknown key "modle" is ignored; did you mean "model"?`}},
		{"table", "[sampling]\n\ntemprature = 1\n", []string{`f:3: unknown key "sampling.temprature" is ignored; did you mean "temperature"?`}},
		{"endpoint", "[endpoints.lab]\nurl = \"http://x\"\ndialekt = \"vllm\"", []string{`f:3: unknown key "endpoints.lab.dialekt" is ignored; did you mean "dialect"?`}},
		{"inline", "endpoints.lab = { url = \"http://x\", kye = \"k\" }", []string{`f:1: unknown key "endpoints.lab.kye" is ignored; did you mean "key"?`}},
		{
			"nothing near", "[sampling]\nzzz = 1",
			[]string{`f:2: unknown key "sampling.zzz" is ignored; known keys: temperature, top_p, top_k, min_p, repeat_penalty, presence_penalty, frequency_penalty, seed, max_tokens, reasoning_effort`},
		},
		{"table once", "[samplings]\na = 1\nb = 2", []string{`f:1: unknown key "samplings" is ignored; did you mean "sampling"?`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, problems, err := parse("f", []byte(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("got  %q\nwant %q", got, tt.want)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"syntax", "model = \"a\"\nthreads = = 2", "cannot read f: line 2: "},
		{"type", "threads = \"two\"", "cannot read f: line 1: threads: wrong type string: want integer"},
		{"duration", "keep_alive = \"soon\"", "cannot read f: line 1: keep_alive: "},
		{"kv", "\nkv_type = \"q3\"", `cannot read f: line 2: kv_type: "q3" is unknown: want one of f32, f16, bf16, q8_0, q4_0`},
		{"range", "[sampling]\ntop_p = 2.0", "cannot read f: line 2: sampling.top_p: it must be above 0 and at most 1"},
		{"nan", "[sampling]\ntemperature = nan", "line 2: sampling.temperature"},
		{"no url", "[endpoints.lab]\nkey = \"k\"", "cannot read f: line 1: endpoints.lab: it has no url"},
		{"two keys", "[endpoints.lab]\nurl = \"http://x\"\nkey = \"k\"\nkey_env = \"K\"", "only one of key, key_env and key_command can be set"},
		{"scheme", "[endpoints.lab]\nurl = \"lab:8000\"", "line 2: endpoints.lab.url: it must begin with http:// or https://"},
		{"half of TLS", "[serve]\ntls_cert = \"c.pem\"", "line 2: serve.tls_cert: tls_cert and tls_key belong together"},
		{"a negative time", "[serve]\ndrain = \"-1s\"", "line 2: serve.drain: it must not be negative"},
		{"an empty alias", "[serve.aliases]\n\"gpt-*\" = \"\"", "serve.aliases.gpt-*: it names no model"},
		{"slash", "[endpoints.\"a/b\"]\nurl = \"http://x\"", "the name must not contain a slash"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := parse("f", []byte(tt.text))
			var e *fault.Error
			if !errors.As(err, &e) || e.Kind != fault.Usage || !strings.Contains(err.Error(), tt.want) || e.Advice == "" {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

func TestLoadHugeFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(path, make([]byte, maxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Load(path); err == nil || !strings.Contains(err.Error(), "larger than 1048576 bytes") {
		t.Errorf("error %v", err)
	}
}

func TestFindReadsTheEnvironmentEachTime(t *testing.T) {
	for _, root := range []string{t.TempDir(), t.TempDir()} {
		t.Setenv("XDG_CONFIG_HOME", filepath.Join(root, "c"))
		t.Setenv("XDG_DATA_HOME", filepath.Join(root, "d"))
		t.Setenv("XDG_STATE_HOME", filepath.Join(root, "s"))
		t.Setenv("XDG_CACHE_HOME", filepath.Join(root, "k"))
		p := Find()
		if want := filepath.Join(root, "c", "bise", "config.toml"); p.File() != want {
			t.Errorf("File() = %s, want %s", p.File(), want)
		}
		if want := filepath.Join(root, "d", "bise", "models"); p.Models != want {
			t.Errorf("Models = %s, want %s", p.Models, want)
		}
		if want := filepath.Join(root, "s", "bise", "log"); p.Log != want {
			t.Errorf("Log = %s, want %s", p.Log, want)
		}
		if want := filepath.Join(root, "k", "bise", "kv"); p.KV != want {
			t.Errorf("KV = %s, want %s", p.KV, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("model = \"x\"\n[sampling]\ntemprature = 1\n[endpoints.\"a\"]\nurl='http://x'\nq={a=1}")
	f.Add("[[endpoints]]\n")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<12 {
			return
		}
		_, problems, err := parse("f", []byte(text))
		if err != nil && len(problems) > 0 {
			t.Error("an error and problems")
		}
		lines := strings.Count(text, "\n") + 1
		for _, p := range problems {
			if p.Line < 0 || p.Line > lines {
				t.Errorf("line %d of %d", p.Line, lines)
			}
		}
	})
}

func TestServe(t *testing.T) {
	c, problems, err := parse("f", []byte(`
[serve]
addr = "unix:/run/bise"
drain = "1m"
queue = 8
origins = ["app://x"]
aliases = { "gpt-*" = "one" }
preloads = ["one"]
`))
	if err != nil {
		t.Fatal(err)
	}
	if s := c.Serve; s.Addr != "unix:/run/bise" || *s.Drain != time.Minute || *s.Queue != 8 || !slices.Equal(s.Origins, []string{"app://x"}) || s.Aliases["gpt-*"] != "one" {
		t.Errorf("read %+v", s)
	}
	if len(problems) != 1 || problems[0].Suggestion != "preload" {
		t.Errorf("the problems are %v", problems)
	}
}
