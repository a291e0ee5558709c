package pull

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/library/pull/pulltest"
)

// A pull that was interrupted is found, goes on by its request, and is gone when it
// is done or forgotten.
func TestUnfinished(t *testing.T) {
	hub := pulltest.New(t)
	p := newPuller(t, hub)
	unfinished := func() []Unfinished {
		t.Helper()
		list, err := p.Unfinished()
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	if list := unfinished(); len(list) > 0 {
		t.Fatalf("a store that is not there has %+v", list)
	}
	for _, ref := range []string{"tiny", "guarded:q8_0"} {
		plan := planned(t, p, Request{Ref: ref})
		if plan.NeedsAcceptance() {
			plan.Accept(noon)
		}
		hub.Fault(fakehub.CDN, fakehub.Stall(1000), fakehub.Times(1))
		ctx, stop := context.WithCancel(t.Context())
		watch(t, p, plan, ctx, stop, func(s Sample) bool { return s.Done > 0 })
	}
	// What is no pull's is passed over.
	for path, text := range map[string]string{"other@tag/pull.json": "{", "mine@q8_0/weights.gguf": ""} {
		path = filepath.Join(filepath.Dir(p.Store.Staging("x", "y")), path)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	list := unfinished()
	if len(list) != 2 {
		t.Fatalf("there are %+v", list)
	}
	last, first := list[0], list[1]
	if first.Plan.Name != "tiny" {
		first, last = last, first // they began at the same moment
	}
	if first.Plan.Name != "tiny" || first.Plan.Request.Ref != "tiny" || first.Plan.Type != "Q4_K_M" || first.Begun.IsZero() {
		t.Errorf("the first is %+v", first)
	}
	if last.Plan.Name != "guarded" || last.Plan.Tag != "q8_0" || last.Plan.Title != "Guarded 1" || !last.Plan.Accepted.Equal(noon) {
		t.Errorf("the last is %+v", last)
	}

	if err := p.Forget(last.Plan); err != nil {
		t.Fatal(err)
	}
	pulled(t, p, planned(t, p, first.Plan.Request))
	if list := unfinished(); len(list) > 0 {
		t.Errorf("there are still %+v", list)
	}
}
