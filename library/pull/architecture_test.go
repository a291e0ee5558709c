package pull

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/gguf"
	"github.com/bise-sh/bise/gguf/tinymodel"
	"github.com/bise-sh/bise/library/pull/pulltest"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
)

// newer is a GGUF of an architecture that nobody knows.
func newer(t *testing.T) []byte {
	t.Helper()
	var meta gguf.Metadata
	meta.Set("general.architecture", gguf.Of("mistral9"))
	var b bytes.Buffer
	w, err := gguf.NewWriter(&b, &meta, []gguf.Tensor{{Name: "token_embd.weight", Type: gguf.F32, Dims: []int64{32}}})
	if err != nil {
		t.Fatal(err)
	}
	data, err := w.Tensor("token_embd.weight")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := data.Write(make([]byte, 128)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// What the hub knows to be of another architecture is not fetched.
func TestUnknownArchitecture(t *testing.T) {
	hub := pulltest.New(t, fakehub.Repo("other/newer-GGUF", fakehub.Bytes("Newer-Q4_K_M.gguf", newer(t))).Card(map[string]any{"license": "mit"}))
	p := newPuller(t, hub)
	p.LlamaServer = filepath.Join(t.TempDir(), "none")
	_, err := p.Plan(t.Context(), Request{Ref: "hf:other/newer-GGUF"})
	if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), "its architecture, mistral9, is newer") {
		t.Errorf("it says %v", err)
	}
	if _, advice := fault.Explain(err); !strings.Contains(advice, "Install llama.cpp") {
		t.Errorf("the advice is %q", advice)
	}
	hub.AssertCount(t, fakehub.CDN, 0)

	// With a llama-server it is downloaded, and the user is told.
	server := filepath.Join(t.TempDir(), "llama-server")
	if err := os.WriteFile(server, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.LlamaServer = server
	plan := planned(t, p, Request{Ref: "hf:other/newer-GGUF"})
	if !strings.Contains(strings.Join(plan.Warnings, "\n"), "llama-server will run it") {
		t.Errorf("the warnings are %q", plan.Warnings)
	}
	p.LlamaServer = filepath.Join(t.TempDir(), "none")
	pulled(t, p, planned(t, p, Request{Ref: "hf:other/newer-GGUF", Anyway: true}))
	right(t, p.Store, "newer", "q4_k_m")
}

// Where nobody tells before, the file does, and nothing of it stays.
func TestUnknownArchitectureOfAFile(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(w, r, "newer.gguf", time.Time{}, bytes.NewReader(newer(t)))
	}))
	t.Cleanup(server.Close)
	p := newPuller(t, pulltest.New(t))
	p.LlamaServer = filepath.Join(t.TempDir(), "none")
	plan := planned(t, p, Request{Ref: server.URL + "/newer.gguf"})
	plan.Accept(time.Now())
	_, err := p.Run(t.Context(), plan, nil)
	if fault.KindOf(err) != fault.Unsupported || !strings.Contains(err.Error(), "mistral9") {
		t.Errorf("it says %v", err)
	}
	if left, err := os.ReadDir(p.Store.Staging(plan.Name, plan.Tag)); err != nil || len(left) > 0 {
		t.Errorf("%v is left, %v", left, err)
	}
}

// TestAdapted pulls a file of an architecture that the built-in engine runs under another
// name, whole and interrupted after the new file was written.
func TestAdapted(t *testing.T) {
	var b bytes.Buffer
	if err := tinymodel.Encode(&b, tinymodel.Options{Width: 256, Layers: 1, Weights: gguf.Q8_0, Edit: func(m *gguf.Metadata) {
		m.Set("general.architecture", gguf.Of("mistral4"))
		for key, n := range map[string]uint32{
			"block_count": 1, "rope.dimension_count": 16, "attention.head_count_kv": 1, "attention.key_length": 48, "attention.value_length": 32,
			"attention.kv_lora_rank": 32, "attention.key_length_mla": 32, "attention.value_length_mla": 32,
		} {
			m.Set("mistral4."+key, gguf.Of(n))
		}
	}}); err != nil {
		t.Fatal(err)
	}
	hub := pulltest.New(t, fakehub.Repo("other/newer-GGUF", fakehub.Bytes("Newer-Q8_0.gguf", b.Bytes())).Card(map[string]any{"license": "mit"}))
	p := newPuller(t, hub)
	plan := planned(t, p, Request{Ref: "hf:other/newer-GGUF"})
	if plan.Disk < 2*plan.Download {
		t.Errorf("it plans %d bytes of disk for two files of %d", plan.Disk, plan.Download)
	}
	check := func(m models.Model) {
		t.Helper()
		file, err := gguf.Read(m.Path)
		if err != nil || file.Summary().Architecture != "deepseek2" {
			t.Fatalf("%s: %v", m.Path, err)
		}
		if entries, err := os.ReadDir(filepath.Dir(m.Path)); err != nil || len(entries) != 2 { // it and the manifest
			t.Errorf("beside it are %v, %v", entries, err)
		}
		if made := m.Manifest.Made; len(made) != 1 || made[0].Step != "adapt" {
			t.Errorf("it was made by %v", made)
		}
	}
	check(pulled(t, p, plan))
	right(t, p.Store, "newer", "q8_0")

	// Killed between the new file and the removal of the old one.
	p = newPuller(t, hub)
	plan = planned(t, p, Request{Ref: "hf:other/newer-GGUF"})
	stage, _, err := p.openStage(t.Context(), plan, &Progress{})
	if err != nil {
		t.Fatal(err)
	}
	j := &job{Puller: p, plan: plan, stage: stage, progress: &Progress{}}
	if err := errors.Join(j.open(), j.fetch(t.Context()), j.adapt(t.Context())); err != nil {
		t.Fatal(err)
	}
	j.rec.Done = append(j.rec.Done, Fetching)
	if err := errors.Join(j.write(), os.WriteFile(filepath.Join(stage.Dir, "Newer-Q8_0.gguf"), b.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	stage.Release()
	check(pulled(t, p, planned(t, p, Request{Ref: "hf:other/newer-GGUF"})))
	right(t, p.Store, "newer", "q8_0")
}

// TestWarning pulls a model whose finished files the catalogue warns of, by name and by
// repository. The original weights are not meant.
func TestWarning(t *testing.T) {
	hub := pulltest.New(t)
	p := newPuller(t, hub)
	path := filepath.Join(t.TempDir(), "catalog.toml")
	if err := os.WriteFile(path, []byte("[[model]]\nname = \"warned\"\ntitle = \"Warned\"\nlicence = \"mit\"\nrepo = \"acme/tiny\"\ngguf = [\"acme/tiny-GGUF\"]\nreleased = \"2026\"\nwarning = \"Old files are broken.\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.Catalog, _, err = catalog.Load(path); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		r    Request
		want bool
	}{{Request{Ref: "warned"}, true}, {Request{Ref: "hf:acme/tiny-GGUF"}, true}, {Request{Ref: "warned", FromSource: true}, false}} {
		if plan := planned(t, p, c.r); slices.Contains(plan.Warnings, "Old files are broken.") != c.want {
			t.Errorf("%+v: it warns %q", c.r, plan.Warnings)
		}
	}
}
