package library

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/huggingface"
	"github.com/bise-sh/bise/downloader/ollama"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/models"
)

// DownloadOptions say how files are downloaded.
type DownloadOptions struct {
	Connections int   // for a file, at most; 0: the default
	Limit       int64 // bytes per second; 0: no limit
	// SendToken also sends the hub's token to the mirror that HF_ENDPOINT names.
	SendToken bool
}

// ConfigureDownloads sets how files are downloaded from now on.
func (l *Library) ConfigureDownloads(o DownloadOptions) {
	l.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.downloads = o
}

// Plan plans a pull. Only listings and texts are downloaded.
func (l *Library) Plan(ctx context.Context, r pull.Request) (*pull.Plan, error) {
	p, err := l.openPuller(ctx)
	if err != nil {
		return nil, err
	}
	plan, err := p.Plan(ctx, r)
	if err != nil {
		if m, _, unknown := p.Catalog.Find(r.Ref); unknown == nil {
			if obstacle := l.CheckRunnable(m); obstacle != nil {
				return nil, obstacle
			}
		}
	}
	return plan, err
}

// Pull carries out a plan and returns the installed model. When ctx ends, the next pull
// continues from there. progress may be nil.
func (l *Library) Pull(ctx context.Context, plan *pull.Plan, progress *pull.Progress) (models.Model, error) {
	p, err := l.openPuller(ctx)
	if err != nil {
		return models.Model{}, err
	}
	return p.Run(ctx, plan, progress)
}

// Unfinished lists the pulls that were begun and not finished.
func (l *Library) Unfinished() ([]pull.Unfinished, error) {
	return (&pull.Puller{Store: l.Store(), LlamaServer: l.options.Config.Engine.LlamaServer}).Unfinished()
}

// Forget removes what an unfinished pull has downloaded.
func (l *Library) Forget(plan *pull.Plan) error {
	return (&pull.Puller{Store: l.Store()}).Forget(plan)
}

// openPuller returns the puller for the hubs that the environment names.
func (l *Library) openPuller(ctx context.Context) (*pull.Puller, error) {
	l.mu.Lock()
	p := l.puller
	l.mu.Unlock()
	if p != nil {
		return p, nil
	}
	h := l.Machine(ctx)
	c, err := l.Catalog()
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.puller != nil {
		return l.puller, nil
	}
	env, err := huggingface.Environment(os.Getenv)
	if err != nil {
		return nil, err
	}
	client := downloader.New(downloader.Options{
		UserAgent:   fmt.Sprintf("bise/%s; go/%s; %s/%s", cmp.Or(l.options.Version, "dev"), strings.TrimPrefix(runtime.Version(), "go"), runtime.GOOS, runtime.GOARCH),
		Connections: l.downloads.Connections, Limit: l.downloads.Limit, Offline: env.Offline,
	})
	hub, err := huggingface.New(client, env)
	if err != nil {
		return nil, err
	}
	if l.downloads.SendToken {
		hub = hub.Trusted()
	}
	l.puller = &pull.Puller{
		Store: l.Store(), Catalog: c, Client: client, Hub: hub, Registry: ollama.New(client, ollamaKey()),
		Quantize: l.options.Quantize, Machine: &h, Version: l.options.Version, LlamaServer: l.options.Config.Engine.LlamaServer,
	}
	return l.puller, nil
}

// ollamaKey is the path of the key with which Ollama authenticates.
func ollamaKey() string {
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".ollama", "id_ed25519")
}
