package models

import "testing"

func TestNameOf(t *testing.T) {
	for file, want := range map[string][2]string{
		"Mistral-7B-Instruct-v0.3.Q4_K_M.gguf":           {"mistral-7b-instruct-v0.3", "q4_k_m"},
		"codestral-22b-v0.1-q8_0.GGUF":                   {"codestral-22b-v0.1", "q8_0"},
		"Mistral-Large-Q4_K_M-00001-of-00003.gguf":       {"mistral-large", "q4_k_m"},
		"bartowski/Ministral-8B-Instruct-2410-GGUF":      {"ministral-8b-instruct-2410", ""},
		"SmolLM2-135M-Instruct.Q4_1.gguf":                {"smollm2-135m-instruct", "q4_1"},
		"model-BF16.gguf":                                {"model", "bf16"},
		"f16.gguf":                                       {"f16", ""},
		"Modèle à moi.gguf":                              {"mod-le-moi", ""},
		"a..b.gguf":                                      {"a.b", ""},
		"odd %20  name 🌬.gguf":                           {"odd-20-name", ""},
		"con.gguf":                                       {"", ""},
		"日本.gguf":                                        {"", ""},
		"/some/where/tiny_Q5_K_S.gguf":                   {"tiny", "q5_k_s"},
		"sha256-" + "0123456789abcdef0123456789abcdef01": {"sha256-0123456789abcdef0123456789abcdef01", ""},
	} {
		name, tag := NameOf(file)
		if name != want[0] || tag != want[1] {
			t.Errorf("NameOf(%q) = %q, %q; want %q", file, name, tag, want)
		}
	}
}

func FuzzNameOf(f *testing.F) {
	f.Add("Mistral-7B-Instruct-v0.3.Q4_K_M.gguf")
	f.Add("con..aux-gguf")
	f.Fuzz(func(t *testing.T, file string) {
		name, tag := NameOf(file)
		if name != "" && !ValidName(name) || tag != "" && !ValidName(tag) {
			t.Fatalf("NameOf(%q) = %q, %q", file, name, tag)
		}
	})
}

func TestValidFile(t *testing.T) {
	for name, want := range map[string]bool{
		"model.gguf": true, "a b (1).gguf": true, "é.gguf": true,
		"": false, ".hidden": false, "a/b": false, `a\b`: false, "..": false, "a:b": false, "a\x00b": false, "a\u202eb": false,
		"nul.gguf": false, "COM1": false, "x.": false, "x ": false, "manifest.json": false, "Manifest.JSON": false, "a\xffb": false,
	} {
		if validFile(name) != want {
			t.Errorf("validFile(%q) = %v", name, !want)
		}
	}
}
