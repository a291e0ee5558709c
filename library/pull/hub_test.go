package pull

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/downloader/huggingface"
	"github.com/bise-sh/bise/downloader/ollama"
	"github.com/bise-sh/bise/library/pull/pulltest"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/quantize"
)

// newPuller is a puller into a store of its own, from a hub.
func newPuller(t testing.TB, hub *fakehub.Hub) *Puller {
	t.Helper()
	return pullerInto(t, hub.URL, t.TempDir())
}

func pullerInto(t testing.TB, url, dir string) *Puller {
	t.Helper()
	p, err := puller(url, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Client.Close)
	return p
}

func puller(url, dir string) (*Puller, error) {
	path := filepath.Join(dir, "catalog.toml")
	if err := os.WriteFile(path, []byte(pulltest.Catalog), 0o600); err != nil {
		return nil, err
	}
	c, _, err := catalog.Load(path)
	if err != nil {
		return nil, err
	}
	client := downloader.New(downloader.Options{UserAgent: "bise/test", Connections: 2})
	hub, err := huggingface.New(client, huggingface.Options{Endpoint: url})
	if err != nil {
		return nil, err
	}
	return &Puller{Store: models.Store{Dir: filepath.Join(dir, "models")}, Catalog: c, Client: client, Hub: hub, Registry: ollama.New(client, filepath.Join(dir, "no-key")), Quantize: copier, Version: "test"}, nil
}

// copier stands for llama.cpp: what it makes is what it was given.
func copier(ctx context.Context, job quantize.Job, begun func(int)) (quantize.Done, error) {
	begun(1)
	in, err := os.Open(job.In)
	if err != nil {
		return quantize.Done{}, err
	}
	defer in.Close()
	out, err := os.Create(job.Out)
	if err != nil {
		return quantize.Done{}, err
	}
	if _, err := io.Copy(out, in); err != nil {
		return quantize.Done{}, err
	}
	return quantize.Done{}, out.Close()
}

// planned is the plan of a request that is none to fail.
func planned(t testing.TB, p *Puller, r Request) *Plan {
	t.Helper()
	plan, err := p.Plan(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// pulled runs a plan.
func pulled(t testing.TB, p *Puller, plan *Plan) models.Model {
	t.Helper()
	m, err := p.Run(t.Context(), plan, nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// right holds that a model is installed with all bytes that its manifest says.
func right(t testing.TB, s models.Store, name, tag string) models.Model {
	t.Helper()
	m, ok := s.Installed(name, tag)
	if !ok {
		t.Fatalf("%s:%s is not installed", name, tag)
	}
	damage, err := s.Verify(t.Context(), m, nil)
	if err != nil || len(damage) > 0 {
		t.Fatalf("%s:%s is damaged: %v, %v", name, tag, damage, err)
	}
	return m
}
