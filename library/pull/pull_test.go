package pull

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library/pull/pulltest"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/fit"
	"github.com/bise-sh/bise/models/quantize"
)

func TestPull(t *testing.T) {
	for _, c := range []struct {
		name    string
		request Request
		id      string // name:tag
		from    string // the repository
		kind    string
		files   []string
		made    string
	}{
		{"a name", Request{Ref: "tiny"}, "tiny:q4_k_m", "acme/tiny-GGUF", "Q4_K_M", []string{"Tiny-Q4_K_M.gguf"}, ""},
		{"an alias with a type", Request{Ref: "tiny-1:q8_0"}, "tiny:q8_0", "acme/tiny-GGUF", "Q8_0", []string{"Tiny-Q8_0.gguf"}, ""},
		{"a type that nobody has made", Request{Ref: "tiny:q6_k"}, "tiny:q6_k", "acme/tiny", "Q6_K", []string{"tiny.Q6_K.gguf"}, "convert quantize"},
		{"from the source", Request{Ref: "tiny", FromSource: true}, "tiny:q4_k_m", "acme/tiny", "Q4_K_M", []string{"tiny.Q4_K_M.gguf"}, "convert quantize"},
		{"a type that is not quantized", Request{Ref: "tiny", Type: "bf16"}, "tiny:bf16", "acme/tiny", "BF16", []string{"tiny.BF16.gguf"}, "convert"},
		{"with its vision encoder", Request{Ref: "seeing"}, "seeing:q4_k_m", "acme/seeing-GGUF", "Q4_K_M", []string{"Seeing-Q4_K_M.gguf", "mmproj-Seeing-F16.gguf"}, ""},
		{"a repository", Request{Ref: "hf:acme/tiny-GGUF"}, "tiny:q4_k_m", "acme/tiny-GGUF", "Q4_K_M", []string{"Tiny-Q4_K_M.gguf"}, ""},
		{"a type in it", Request{Ref: "hf:acme/tiny-GGUF:Q8_0"}, "tiny:q8_0", "acme/tiny-GGUF", "Q8_0", []string{"Tiny-Q8_0.gguf"}, ""},
		{"a file in it", Request{Ref: "hf:acme/tiny-GGUF:Tiny-Q8_0.gguf"}, "tiny:q8_0", "acme/tiny-GGUF", "Q8_0", []string{"Tiny-Q8_0.gguf"}, ""},
		{"a repository of weights", Request{Ref: "hf:acme/tiny", Type: "Q5_K_M"}, "tiny:q5_k_m", "acme/tiny", "Q5_K_M", []string{"tiny.Q5_K_M.gguf"}, "convert quantize"},
	} {
		t.Run(c.name, func(t *testing.T) {
			hub := pulltest.New(t)
			p := newPuller(t, hub)
			var progress Progress
			plan := planned(t, p, c.request)
			if plan.Name+":"+plan.Tag != c.id || plan.Source.Repo != c.from || plan.Type != c.kind {
				t.Fatalf("the plan is %s:%s, %s of %s", plan.Name, plan.Tag, plan.Type, plan.Source.Repo)
			}
			if plan.Download <= 0 || plan.Disk < plan.Download {
				t.Errorf("%d bytes are fetched, and the disk holds %d", plan.Download, plan.Disk)
			}
			m, err := p.Run(t.Context(), plan, &progress)
			if err != nil {
				t.Fatal(err)
			}
			right(t, p.Store, plan.Name, plan.Tag)
			man := m.Manifest
			var files []string
			for _, f := range man.Files {
				files = append(files, f.Name)
				if f.SHA256 == "" {
					t.Errorf("%s has no sum", f.Name)
				}
			}
			if !slices.Equal(files, c.files) {
				t.Errorf("the files are %q, want %q", files, c.files)
			}
			var made []string
			for _, s := range man.Made {
				made = append(made, s.Step)
			}
			if strings.Join(made, " ") != c.made || man.Source.Repo != c.from || len(man.Source.Revision) != 40 || man.Source.Ref != c.request.Ref {
				t.Errorf("it was made by %q of %+v", made, man.Source)
			}
			if got := progress.Sample().Step; got != Installing {
				t.Errorf("the last step was %q", got)
			}
			// There is nothing left of the work, and pulling again does nothing.
			left, _ := filepath.Glob(filepath.Join(p.Store.Dir, ".incoming", "*"))
			if len(left) > 0 {
				t.Errorf("there are left: %q", left)
			}
			before := hub.Count(fakehub.CDN)
			again := planned(t, p, c.request)
			if again.Installed == nil {
				t.Fatal("it is not known to be here")
			}
			pulled(t, p, again)
			if hub.Count(fakehub.CDN) != before {
				t.Error("it was fetched twice")
			}
			c.request.Again = true
			pulled(t, p, planned(t, p, c.request))
			right(t, p.Store, plan.Name, plan.Tag)
			hub.AssertManners(t)
		})
	}
}

// What cannot be pulled is told before a byte of weights.
func TestPlanRefuses(t *testing.T) {
	for _, c := range []struct {
		ref  string
		kind fault.Kind
		what string
	}{
		{"tinny", fault.NotFound, "no model"},
		{"tiny:q9", fault.Invalid, "Q9"},
		{"foreign", fault.Unsupported, "newer than this engine"},
		{"huge", fault.NoMemory, "and the machine has 16 GB"},
		{"./x.gguf", fault.Invalid, "does not name a model of a hub"},
		{"acme/tiny-GGUF", fault.Invalid, "does not name a model of a hub"},
		{"hf:acme/none", fault.Missing, "acme/none"},
		{"hf:acme/tiny-GGUF:Q2_K", fault.Missing, "Q2_K"},
		{"hf:acme/tiny-GGUF:none.gguf", fault.Missing, "none.gguf"},
		{"hf:other/gpt2", fault.Unsupported, "unsupported architecture GPT2LMHeadModel"},
		{"hf:acme/..", fault.Invalid, ""},
	} {
		t.Run(c.ref, func(t *testing.T) {
			hub := pulltest.New(t, fakehub.Repo("other/gpt2", fakehub.Text("config.json", `{"architectures":["GPT2LMHeadModel"]}`), fakehub.Safetensors("model.safetensors", "w", 4096)))
			p := newPuller(t, hub)
			p.Machine = &fit.Machine{Memory: 16e9, Free: 9e9}
			_, err := p.Plan(t.Context(), Request{Ref: c.ref})
			if err == nil || !strings.Contains(err.Error(), c.what) {
				t.Fatalf("it says %v", err)
			}
			if fault.KindOf(err) != c.kind {
				t.Errorf("%v is %q", err, fault.KindOf(err))
			}
			hub.AssertCount(t, fakehub.CDN, 0)
		})
	}
}

func TestAnyway(t *testing.T) {
	p := newPuller(t, pulltest.New(t))
	p.Machine = &fit.Machine{Memory: 16e9, Free: 9e9}
	plan := planned(t, p, Request{Ref: "huge", Anyway: true})
	if plan.Fit == nil || plan.Fit.Verdict != fit.No {
		t.Errorf("the plan is %+v", plan.Fit)
	}
	if plan = planned(t, p, Request{Ref: "tiny"}); plan.Fit != nil {
		t.Error("it is known how a model fits whose shape is not")
	}
}

// A repository moves on while a pull is unfinished: the pull goes on with what it
// began with.
func TestPinned(t *testing.T) {
	for _, ref := range []string{"tiny", "hf:acme/tiny-GGUF"} {
		t.Run(ref, func(t *testing.T) {
			hub := pulltest.New(t)
			p := newPuller(t, hub)
			plan := planned(t, p, Request{Ref: ref})
			stopped, stop := context.WithCancel(t.Context())
			hub.Fault(fakehub.CDN, fakehub.Stall(1000), fakehub.Times(1))
			watch(t, p, plan, stopped, stop, func(s Sample) bool { return s.Done > 0 })
			hub.Commit("acme/tiny-GGUF", "main", fakehub.Bytes("Tiny-Q4_K_M.gguf", pulltest.Model(t, 99)))
			next := planned(t, p, Request{Ref: ref})
			if next.Source.Revision != plan.Source.Revision {
				t.Errorf("it goes on with commit %s, and began with %s", next.Source.Revision, plan.Source.Revision)
			}
			pulled(t, p, next)
			right(t, p.Store, "tiny", "q4_k_m")
		})
	}
}

// watch runs a plan until a sample is as wanted, then stops it.
func watch(t *testing.T, p *Puller, plan *Plan, ctx context.Context, stop context.CancelFunc, enough func(Sample) bool) {
	t.Helper()
	var progress Progress
	done := make(chan error, 1)
	go func() {
		_, err := p.Run(ctx, plan, &progress)
		done <- err
	}()
	for !enough(progress.Sample()) {
		select {
		case err := <-done:
			t.Fatalf("it ended before that: %v", err)
		default:
			runtime.Gosched()
		}
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("it ended with %v", err)
	}
}

// What an interrupted run has done is not done again.
func TestResume(t *testing.T) {
	hub := pulltest.New(t)
	p := newPuller(t, hub)
	plan := planned(t, p, Request{Ref: "tiny", FromSource: true})
	ctx, stop := context.WithCancel(t.Context())
	p.Quantize = func(ctx context.Context, _ quantize.Job, begun func(int)) (quantize.Done, error) {
		begun(2)
		<-ctx.Done()
		return quantize.Done{}, context.Cause(ctx)
	}
	watch(t, p, plan, ctx, stop, func(s Sample) bool { return s.Step == Quantizing && s.Done > 0 && s.Total > s.Done })
	if _, err := os.Stat(filepath.Join(p.Store.Staging("tiny", "q4_k_m"), sourceName)); !os.IsNotExist(err) {
		t.Errorf("the original weights are still there: %v", err)
	}
	// The hub is gone, and not needed.
	hub.Close()
	p.Quantize = copier
	plan = planned(t, p, Request{Ref: "tiny", FromSource: true})
	m := pulled(t, p, plan)
	right(t, p.Store, "tiny", "q4_k_m")
	if m.Manifest.Source.Repo != "acme/tiny" || len(m.Manifest.Made) != 2 || m.Manifest.Title != "Tiny 1" {
		t.Errorf("the manifest is %+v", m.Manifest)
	}
}

// An unfinished pull of something else under the same name is given up.
func TestAnotherPullUnderTheName(t *testing.T) {
	hub := pulltest.New(t)
	p := newPuller(t, hub)
	ctx, stop := context.WithCancel(t.Context())
	hub.Fault(fakehub.CDN, fakehub.Stall(1000), fakehub.Times(1))
	watch(t, p, planned(t, p, Request{Ref: "tiny"}), ctx, stop, func(s Sample) bool { return s.Done > 0 })
	m := pulled(t, p, planned(t, p, Request{Ref: "tiny", FromSource: true}))
	if len(m.Manifest.Files) != 1 || m.Manifest.Files[0].Name != "tiny.Q4_K_M.gguf" {
		t.Errorf("the files are %+v", m.Manifest.Files)
	}
	right(t, p.Store, "tiny", "q4_k_m")
}

func TestForget(t *testing.T) {
	hub := pulltest.New(t)
	p := newPuller(t, hub)
	ctx, stop := context.WithCancel(t.Context())
	hub.Fault(fakehub.CDN, fakehub.Stall(1000), fakehub.Times(1))
	plan := planned(t, p, Request{Ref: "tiny"})
	watch(t, p, plan, ctx, stop, func(s Sample) bool { return s.Done > 0 })
	if err := p.Forget(plan); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(p.Store.Staging("tiny", "q4_k_m")); !os.IsNotExist(err) {
		t.Errorf("something is left: %v", err)
	}
}

// What comes is no model, though its bytes are as promised: nothing of it stays, and
// the error says what else to do.
func TestNoModel(t *testing.T) {
	hub := pulltest.New(t, fakehub.Repo("acme/tiny-GGUF", fakehub.Bytes("Tiny-Q4_K_M.gguf", []byte("GGUF, or so it says"))))
	p := newPuller(t, hub)
	_, err := p.Run(t.Context(), planned(t, p, Request{Ref: "tiny"}), nil)
	if fault.KindOf(err) != fault.BadModel || !strings.Contains(err.Error(), "Tiny-Q4_K_M.gguf is not a model") {
		t.Fatalf("it says %v", err)
	}
	if _, ok := p.Store.Installed("tiny", "q4_k_m"); ok {
		t.Error("it is installed")
	}
	hub.Commit("acme/tiny-GGUF", "main", fakehub.Bytes("Tiny-Q4_K_M.gguf", pulltest.Model(t, 9)))
	pulled(t, p, planned(t, p, Request{Ref: "tiny"}))
	right(t, p.Store, "tiny", "q4_k_m")
}

// Bytes that are damaged on the way are noticed, and do not stay.
func TestDamaged(t *testing.T) {
	hub := pulltest.New(t)
	hub.Fault(fakehub.CDN, fakehub.Flip(5000), fakehub.Times(1))
	p := newPuller(t, hub)
	if _, err := p.Run(t.Context(), planned(t, p, Request{Ref: "tiny"}), nil); err != nil {
		if _, ok := p.Store.Installed("tiny", "q4_k_m"); ok {
			t.Fatal("it is installed")
		}
		pulled(t, p, planned(t, p, Request{Ref: "tiny"}))
	}
	right(t, p.Store, "tiny", "q4_k_m")
}

func TestNoRoom(t *testing.T) {
	p := newPuller(t, pulltest.New(t))
	plan := planned(t, p, Request{Ref: "tiny"})
	plan.Disk = 1 << 60
	_, err := p.Run(t.Context(), plan, nil)
	if err == nil || !strings.Contains(err.Error(), "it needs 1152922 TB of disk space") {
		t.Errorf("it says %v", err)
	}
}

// Two pulls of one model: one fetches, the other shows how far that is and has the
// model too in the end.
func TestTwoAtOnce(t *testing.T) {
	hub := pulltest.New(t)
	dir := t.TempDir()
	first, second := pullerInto(t, hub.URL, dir), pullerInto(t, hub.URL, dir)
	gate := make(chan struct{})
	hub.Fault(fakehub.CDN, fakehub.Barrier(gate))
	type end struct {
		m   models.Model
		err error
	}
	run := func(p *Puller, progress *Progress) chan end {
		plan := planned(t, p, Request{Ref: "tiny"})
		c := make(chan end, 1)
		go func() {
			m, err := p.Run(t.Context(), plan, progress)
			c <- end{m, err}
		}()
		return c
	}
	var one, two Progress
	a := run(first, &one)
	for one.Sample().Step != Fetching {
		runtime.Gosched()
	}
	b := run(second, &two)
	for s := two.Sample(); s.Step != Fetching || !s.Elsewhere; s = two.Sample() {
		runtime.Gosched()
	}
	close(gate)
	for _, c := range []chan end{a, b} {
		e := <-c
		if e.err != nil || e.m.Name == "" {
			t.Fatalf("%v, %v", e.m, e.err)
		}
	}
	hub.AssertFetchedAtMost(t, "Tiny-Q4_K_M.gguf", 1)
	right(t, first.Store, "tiny", "q4_k_m")
}

// The one that waits takes over when the other leaves.
func TestTakeOver(t *testing.T) {
	hub := pulltest.New(t)
	dir := t.TempDir()
	first, second := pullerInto(t, hub.URL, dir), pullerInto(t, hub.URL, dir)
	hub.Fault(fakehub.CDN, fakehub.Stall(1000), fakehub.Times(1))
	plan, other := planned(t, first, Request{Ref: "tiny"}), planned(t, second, Request{Ref: "tiny"})
	ctx, stop := context.WithCancel(t.Context())
	var waiting Progress
	done := make(chan error, 1)
	begun := false
	watch(t, first, plan, ctx, stop, func(s Sample) bool {
		if s.Done > 0 && !begun {
			begun = true
			go func() {
				_, err := second.Run(t.Context(), other, &waiting)
				done <- err
			}()
		}
		return waiting.Sample().Elsewhere
	})
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	right(t, first.Store, "tiny", "q4_k_m")
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte(`{"version":1,"request":{"ref":"tiny"},"files":[{"name":"a.gguf","role":"model","size":3}],"done":["fetch"]}`))
	f.Add([]byte(`{"version":1,"files":[{"name":"../a","size":-1}]}`))
	f.Add([]byte(`{"version":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 4096 {
			return
		}
		r, ok := parseRecord(data)
		if !ok {
			return
		}
		for _, file := range r.Files {
			if strings.ContainsAny(file.Name, `/`) || file.Name == ".." {
				t.Fatalf("%q leads out of the stage", file.Name)
			}
		}
	})
}
