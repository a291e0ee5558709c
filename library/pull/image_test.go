package pull

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library/pull/pulltest"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/licence"
)

// images are what the registry of tests has.
func images(t *testing.T) []fakehub.Option {
	weights := func(seed uint64) fakehub.Layer {
		return fakehub.Layer{MediaType: fakehub.ModelLayer, Content: bytes.NewReader(pulltest.Model(t, seed))}
	}
	text := func(s string) fakehub.Layer { return fakehub.TextLayer(fakehub.LicenseLayer, s) }
	return []fakehub.Option{
		fakehub.Model("library/free:latest", weights(21), text("Apache License\nVersion 2.0\n"), fakehub.TextLayer(fakehub.TemplateLayer, "{{ .Prompt }}")),
		fakehub.Model("library/free:7b", weights(22), text("Apache License\nVersion 2.0\n")),
		fakehub.Model("library/bound:latest", weights(23), text("Mistral AI Research License\n")),
		fakehub.Model("library/odd:latest", weights(24), text("Be good.\n")),
		fakehub.Model("library/silent:latest", weights(25)),
		fakehub.Model("somebody/guarded:latest", weights(26), text("Apache License\n")),
	}
}

func TestImage(t *testing.T) {
	hub := pulltest.New(t, images(t)...)
	host := strings.TrimPrefix(hub.URL, "http://")
	for _, c := range []struct {
		ref, id, licence string
		asked            bool
		text             string
		warnings         int
	}{
		{"ollama:" + host + "/library/free", "free:latest", "Apache-2.0", false, "Apache License", 0},
		{"ollama:" + host + "/library/free:7b", "free:7b", "Apache-2.0", false, "Apache License", 0},
		{"ollama:" + host + "/library/bound", "bound:latest", "MRL-0.1", true, "Research License", 0},
		{"ollama:" + host + "/library/odd", "odd:latest", "custom", true, "Be good.", 0},
		{"ollama:" + host + "/library/silent", "silent:latest", licence.Unstated, true, "", 0},
		{"ollama:" + host + "/somebody/guarded", "guarded:latest", "MNPL-0.1", true, "", 1},
	} {
		t.Run(c.id, func(t *testing.T) {
			hub.Reset()
			p := newPuller(t, hub)
			plan := planned(t, p, Request{Ref: c.ref})
			if plan.Name+":"+plan.Tag != c.id || plan.Terms.ID != c.licence || plan.NeedsAcceptance() != c.asked || len(plan.Warnings) != c.warnings {
				t.Fatalf("the plan is of %s:%s under %s, asked: %v, warnings %q", plan.Name, plan.Tag, plan.Terms.ID, plan.NeedsAcceptance(), plan.Warnings)
			}
			if !strings.Contains(string(plan.Text), c.text) {
				t.Errorf("the text is %q", plan.Text)
			}
			if plan.NeedsAcceptance() {
				plan.Accept(noon)
			}
			m := pulled(t, p, plan)
			right(t, p.Store, plan.Name, plan.Tag)
			if m.Manifest.Type != "Q8_0" || m.Manifest.Source.Kind != models.Ollama || !strings.HasPrefix(m.Manifest.Source.Revision, "sha256:") {
				t.Errorf("the manifest is %+v", m.Manifest)
			}
			if again := planned(t, p, Request{Ref: c.ref}); again.Installed == nil {
				t.Error("it is not known to be here")
			}
		})
	}
}

func TestImageRefuses(t *testing.T) {
	hub := pulltest.New(t, images(t)...)
	host := strings.TrimPrefix(hub.URL, "http://")
	p := newPuller(t, hub)
	for _, c := range []struct {
		request Request
		kind    fault.Kind
		what    string
	}{
		{Request{Ref: "ollama:" + host + "/library/none"}, fault.Missing, "no such model"},
		{Request{Ref: "ollama:" + host + "/library/free", FromSource: true}, fault.Invalid, "finished files"},
		{Request{Ref: "ollama:" + host + "/library/free", Type: "Q8_0"}, fault.Invalid, "finished files"},
	} {
		_, err := p.Plan(t.Context(), c.request)
		if err == nil || !strings.Contains(err.Error(), c.what) || fault.KindOf(err) != c.kind {
			t.Errorf("%+v: %v", c.request, err)
		}
	}
}

// An unfinished pull of an image goes on.
func TestImageResumes(t *testing.T) {
	hub := pulltest.New(t, images(t)...)
	ref := "ollama:" + strings.TrimPrefix(hub.URL, "http://") + "/library/free"
	p := newPuller(t, hub)
	plan := planned(t, p, Request{Ref: ref})
	hub.Fault(fakehub.CDN, fakehub.Stall(1000), fakehub.Times(1))
	ctx, stop := context.WithCancel(t.Context())
	watch(t, p, plan, ctx, stop, func(s Sample) bool { return s.Step == Fetching && s.Done > 0 })
	next := planned(t, p, Request{Ref: ref})
	if next.Source != plan.Source || next.Parts[0].Hash != plan.Parts[0].Hash || next.Parts[0].Hash == downloader.Hash("") {
		t.Errorf("it goes on with %+v, and began with %+v", next.Source, plan.Source)
	}
	pulled(t, p, next)
	right(t, p.Store, "free", "latest")
}
