package config

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSaveEndpoint(t *testing.T) {
	lab := Endpoint{URL: "http://lab:8000"}
	for _, tt := range []struct {
		title, before, name string
		to                  Endpoint
		want                string // "": it cannot be saved
	}{
		{"no file", "", "lab", lab, "[endpoints.\"lab\"]\nurl = \"http://lab:8000\"\n"},
		{
			"beside another", "# mine\nmodel = \"x\"\n[endpoints.home]\nurl = \"http://home\" # here", "plateforme",
			Endpoint{URL: "https://api.mistral.ai", KeyEnv: "MISTRAL_API_KEY"},
			"# mine\nmodel = \"x\"\n[endpoints.home]\nurl = \"http://home\" # here\n\n[endpoints.\"plateforme\"]\nurl = \"https://api.mistral.ai\"\nkey_env = \"MISTRAL_API_KEY\"\n",
		},
		{"odd name", "", "a.b c", lab, "[endpoints.\"a.b c\"]\nurl = \"http://lab:8000\"\n"},
		{"taken", "[endpoints.lab]\nurl = \"http://x\"\n", "lab", lab, ""},
		{"no address", "", "lab", Endpoint{URL: "lab"}, ""},
		{"slash", "", "a/b", lab, ""},
		{"broken", "model = = 1\n", "lab", lab, ""},
	} {
		t.Run(tt.title, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "config.toml")
			if tt.before != "" {
				if err := os.WriteFile(path, []byte(tt.before), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := SaveEndpoint(path, tt.name, tt.to)
			data, _ := os.ReadFile(path)
			want := tt.want
			if want == "" {
				want = tt.before
			}
			if (err == nil) != (tt.want != "") || string(data) != want {
				t.Fatalf("error %v, and the file is\n%s", err, data)
			}
			if c, _, _ := Load(path); tt.want != "" && c.Endpoints[tt.name].URL != tt.to.URL {
				t.Errorf("it is read as %+v", c.Endpoints)
			}
		})
	}
}
