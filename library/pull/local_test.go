package pull

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/library/pull/pulltest"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/caches"
)

// cached puts a file into a cache of the Hugging Face Hub under a name that says
// what its hash is.
func cached(t *testing.T, name string, promised, data []byte) (caches.Cache, string) {
	t.Helper()
	dir := t.TempDir()
	sum := sha256.Sum256(promised)
	blob := filepath.Join(dir, "models--else--where", "blobs", hex.EncodeToString(sum[:]))
	link := filepath.Join(dir, "models--else--where", "snapshots", "0123456789012345678901234567890123456789", name)
	for _, path := range []string{blob, link} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(blob, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(blob, link); err != nil {
		t.Skipf("no links here: %v", err)
	}
	return caches.Cache{Program: caches.HuggingFace, Dir: dir}, link
}

// What another program has is not fetched again: it is used where it lies.
func TestLent(t *testing.T) {
	hub := pulltest.New(t)
	p := newPuller(t, hub)
	data := pulltest.Model(t, 1)
	cache, path := cached(t, "other-name.gguf", data, data)
	p.Store.Caches = []caches.Cache{cache}
	plan := planned(t, p, Request{Ref: "tiny"})
	if len(plan.Local) != 1 || plan.Local[0].Path != path || plan.Download != 0 {
		t.Fatalf("what is lent is %+v, and %d bytes are fetched", plan.Local, plan.Download)
	}
	m := pulled(t, p, plan)
	right(t, p.Store, "tiny", "q4_k_m")
	hub.AssertCount(t, fakehub.CDN, 0)
	if m.Path != path || m.Origin != models.Registered || m.Manifest.Source.Repo != "acme/tiny-GGUF" {
		t.Errorf("it is at %s, kept by %s, from %+v", m.Path, m.Origin, m.Manifest.Source)
	}
}

// A name is no proof: bytes that are not what it says are left alone, and fetched.
func TestLentAndWrong(t *testing.T) {
	hub := pulltest.New(t)
	p := newPuller(t, hub)
	data := pulltest.Model(t, 1)
	wrong := append([]byte{}, data...)
	wrong[len(wrong)-1] ^= 1
	cache, path := cached(t, "tiny.gguf", data, wrong)
	p.Store.Caches = []caches.Cache{cache}
	m := pulled(t, p, planned(t, p, Request{Ref: "tiny"}))
	right(t, p.Store, "tiny", "q4_k_m")
	if m.Path == path || m.Origin != models.Installed {
		t.Errorf("it is at %s, kept by %s", m.Path, m.Origin)
	}
	if hub.Sent("Tiny-Q4_K_M.gguf") != int64(len(data)) {
		t.Errorf("%d bytes were sent", hub.Sent("Tiny-Q4_K_M.gguf"))
	}
}

// What a model of the store has is not fetched again under another name.
func TestReused(t *testing.T) {
	hub := pulltest.New(t, fakehub.Repo("other/copy-GGUF", fakehub.Bytes("Copy-Q4_K_M.gguf", pulltest.Model(t, 1))).Card(map[string]any{"license": "mit"}))
	p := newPuller(t, hub)
	pulled(t, p, planned(t, p, Request{Ref: "tiny"}))
	sent := hub.Count(fakehub.CDN)
	plan := planned(t, p, Request{Ref: "hf:other/copy-GGUF"})
	if len(plan.Local) != 1 || plan.Local[0].Program != "" || plan.Download != 0 {
		t.Fatalf("what is lent is %+v, and %d bytes are fetched", plan.Local, plan.Download)
	}
	m := pulled(t, p, plan)
	right(t, p.Store, "copy", "q4_k_m")
	if hub.Count(fakehub.CDN) != sent || m.Origin != models.Installed {
		t.Errorf("%d requests for bytes, and it is kept by %s", hub.Count(fakehub.CDN)-sent, m.Origin)
	}

	// One that is damaged is no help.
	if err := os.Remove(m.Path); err != nil {
		t.Fatal(err)
	}
	tiny, _ := p.Store.Installed("tiny", "q4_k_m")
	wrong := append([]byte{}, pulltest.Model(t, 1)...)
	wrong[len(wrong)-1] ^= 1
	if err := os.WriteFile(tiny.Path, wrong, 0o600); err != nil {
		t.Fatal(err)
	}
	pulled(t, p, planned(t, p, Request{Ref: "hf:other/copy-GGUF", Again: true}))
	right(t, p.Store, "copy", "q4_k_m")
	if hub.Count(fakehub.CDN) == sent {
		t.Error("nothing was fetched")
	}
}

// Others' files are not lent to what is made here.
func TestNotLent(t *testing.T) {
	hub := pulltest.New(t)
	p := newPuller(t, hub)
	data := pulltest.Model(t, 1)
	cache, _ := cached(t, "tiny.gguf", data, data)
	p.Store.Caches = []caches.Cache{cache}
	if plan := planned(t, p, Request{Ref: "tiny", FromSource: true}); len(plan.Local) > 0 {
		t.Errorf("what is lent is %+v", plan.Local)
	}
	if plan := planned(t, p, Request{Ref: "tiny:q8_0"}); len(plan.Local) > 0 {
		t.Errorf("what is lent to another type is %+v", plan.Local)
	}
}
