package models

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sample is a manifest with everything in it.
func sample() Manifest {
	sum := strings.Repeat("0a", 32)
	return Manifest{
		Version: 1, Name: "codestral", Tag: "q4_k_m", Title: "Codestral 22B v0.1", Type: "Q4_K_M",
		Source: Source{Kind: HuggingFace, Ref: "hf:acme/codestral:Q4_K_M", Repo: "acme/codestral", Revision: "0123"},
		Files: []File{
			{Name: "codestral.gguf", Size: 12, SHA256: sum, Role: Weights},
			{Name: "eye.mmproj.gguf", Size: 3, Role: Projector},
			{Name: "lies.gguf", Size: 3, Role: Adapter, Path: "/elsewhere/lies.gguf"},
			{Name: "LICENSE", Size: 0, Role: Terms},
		},
		Licence: Agreement{ID: "MNPL-0.1", Name: "MNPL", Link: "https://x", TextSHA256: sum, Accepted: time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)},
		Made:    []Step{{Step: "quantize", Type: "Q4_K_M", Version: "1"}},
		Can:     []string{"fim"},
		Created: time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC),
	}
}

func TestManifestReadsWhatItWrote(t *testing.T) {
	want := sample()
	data, err := want.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := ParseManifest(data)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestManifestRefuses(t *testing.T) {
	for what, change := range map[string]func(m *Manifest){
		"version 0":        func(m *Manifest) { m.Version = 0 },
		"names the model":  func(m *Manifest) { m.Name = "../x" },
		"tag is":           func(m *Manifest) { m.Tag = "" },
		"lists no weights": func(m *Manifest) { m.Files = m.Files[1:] },
		"with the name":    func(m *Manifest) { m.Files[0].Name = "../../x.gguf" },
		"twice":            func(m *Manifest) { m.Files[1].Name = "CODESTRAL.gguf" },
		"has -1 bytes":     func(m *Manifest) { m.Files[0].Size = -1 },
		"hash of":          func(m *Manifest) { m.Files[0].SHA256 = "0A" },
		"the manifest has": func(m *Manifest) { m.Files[2].Path = "../lies.gguf" },
		`at "/a/../li`:     func(m *Manifest) { m.Files[2].Path = "/a/../lies.gguf" },
		`at "/b/other`:     func(m *Manifest) { m.Files[2].Path = "/b/other" },
		`is a "boot"`:      func(m *Manifest) { m.Files[3].Role = "boot" },
		"a text":           func(m *Manifest) { m.Title = strings.Repeat("x", 5000) },
		"lists 1025 files": func(m *Manifest) { m.Files = make([]File, 1025) },
	} {
		m := sample()
		change(&m)
		if err := m.Check(); err == nil || !strings.Contains(err.Error(), strings.TrimPrefix(what, "version 0")) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := ParseManifest([]byte(`{"version":2,"name":7}`)); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer version is %v", err)
	}
	for _, text := range []string{"", "null", "[]", `{"version":1}`, `{"version":1,"name":7}`, strings.Repeat(" ", maxManifest+1)} {
		if _, err := ParseManifest([]byte(text)); err == nil || errors.Is(err, ErrNewer) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func FuzzParseManifest(f *testing.F) {
	m := sample()
	data, err := m.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(`{"version":1,"name":"a","tag":"b","files":[{"name":"c","role":"model"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err != nil {
			return
		}
		for _, file := range m.Files {
			if strings.ContainsAny(file.Name, `/\`) || file.Name == ".." {
				t.Fatalf("a file is called %q", file.Name)
			}
		}
		again, err := m.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseManifest(again); err != nil {
			t.Fatalf("it is written so that it is not read: %v", err)
		}
	})
}
