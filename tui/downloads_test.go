package tui

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/library/pull"
	"github.com/bise-sh/bise/library/pull/pulltest"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/tui/engines"
	tuimodels "github.com/bise-sh/bise/tui/models"
)

// pulling is an interface that is shown what there is, over a hub.
func pulling(t *testing.T, hub *fakehub.Hub, script *enginetest.Script) (*driver, *shelves) {
	t.Helper()
	s := newShelves(t, hub.URL)
	d := drive(t, s.options(script), 80, 24)
	d.waits()
	return d, s
}

// wants chooses a model of the catalogue.
func (d *driver) wants(title string) {
	d.t.Helper()
	d.finds(title)
	d.pressed("enter")
}

// download is the only one.
func (d *driver) download() *tuimodels.Download {
	d.t.Helper()
	if n := len(d.m.models.Downloads); n != 1 {
		d.t.Fatalf("there are %d downloads; the screen:\n%s", n, d.frame())
	}
	return d.m.models.Downloads[0]
}

// runs waits until some bytes of the only download have come.
func (d *driver) runs() {
	d.t.Helper()
	d.until("bytes", func() bool {
		list := d.m.models.Downloads
		return len(list) == 1 && list[0].State == tuimodels.Running && list[0].Progress.Done > 0
	})
}

// From nothing to an answer: choose a model, see it come, and ask it.
func TestFirstModel(t *testing.T) {
	hub := pulltest.New(t)
	held := make(chan struct{})
	hub.Fault(fakehub.CDN, fakehub.Barrier(held))
	d, s := pulling(t, hub, replies("Hello to you."))
	d.sees("Choose a model")
	d.wants("tiny")
	d.until("the download", func() bool { return d.download().State == tuimodels.Running })
	d.pressed("esc")

	// Meanwhile everything works, and the frame says how it goes.
	d.sees("tiny")
	d.sees("ctrl+l models")
	d.typed("hel")
	d.until("a look", func() bool { return d.download().Progress.Total > 0 })
	close(held)
	d.until("the model", func() bool { m := d.chat().Using(); return m.Ref == "tiny" && m.State == engines.Ready })
	d.sees("tiny is installed and verified")
	d.typed("lo")
	d.pressed("enter")
	d.sees("Hello to you.")
	m, ok := s.store.Installed("tiny", "q4_k_m")
	if !ok || m.Verified.IsZero() {
		t.Errorf("it is installed: %v, %+v", ok, m)
	}
}

// Who stays in the list is taken to the conversation when the first model is there.
func TestFirstModelIsWaitedFor(t *testing.T) {
	d, _ := pulling(t, pulltest.New(t), replies())
	d.wants("tiny")
	d.sees("tiny is installed and verified")
	if n := len(d.m.dialogs); n > 0 {
		t.Errorf("%d dialogs are open", n)
	}
}

func TestLicenceComesFirst(t *testing.T) {
	hub := pulltest.New(t)
	d, s := pulling(t, hub, replies())
	d.wants("guarded")
	d.sees("No commercial use, no use in production")
	d.pressed("o")
	d.sees("The licence of tests.")
	d.pressed("o", "esc")
	d.sees("needs your agreement to its licence")
	hub.AssertCount(t, fakehub.CDN, 0)

	d.pressed("enter")
	d.sees("a accept")
	d.pressed("a")
	d.sees("guarded is installed and verified")
	m, ok := s.store.Installed("guarded", "q4_k_m")
	if !ok || m.Manifest.Licence.Accepted.IsZero() || m.Manifest.Licence.ID != "MNPL-0.1" {
		t.Errorf("it is installed: %v, %+v", ok, m.Manifest)
	}
}

// Nobody is taken away from what they write by a question.
func TestLicenceWaits(t *testing.T) {
	hub := pulltest.New(t)
	held := make(chan struct{})
	hub.Fault(fakehub.API, fakehub.Barrier(held))
	d, _ := pulling(t, hub, replies())
	d.wants("guarded")
	d.sees("searching")
	d.pressed("esc")
	d.typed("one moment")
	close(held)
	d.sees("accept the licence of guarded to download it: ctrl+l")
	d.typed(", a")
	d.sees("▍ one moment, a\n")
	if state := d.download().State; state != tuimodels.AwaitingLicence {
		t.Errorf("its state is %v", state)
	}
}

func TestPauseAndGoOn(t *testing.T) {
	hub := pulltest.New(t)
	hub.Fault(fakehub.CDN, fakehub.Stall(1000), fakehub.Times(1))
	d, s := pulling(t, hub, replies())
	d.wants("tiny")
	d.runs()
	d.pressed("p")
	d.sees("paused at ")
	d.until("the end of the run", func() bool { return d.running == 0 })
	if s := d.frame(); !strings.Contains(s, "enter resume") {
		t.Errorf("how to go on is not said:\n%s", s)
	}
	d.pressed("p")
	d.sees("tiny is installed and verified")
	if _, ok := s.store.Installed("tiny", "q4_k_m"); !ok {
		t.Error("it is not installed")
	}
	hub.AssertFetchedAtMost(t, "Tiny-Q4_K_M", 2)
}

// What bise's end has stopped goes on in the next one, and that is said.
func TestDownloadOutlivesBise(t *testing.T) {
	hub := pulltest.New(t)
	hub.Fault(fakehub.CDN, fakehub.Stall(1000), fakehub.Times(1))
	s := newShelves(t, hub.URL)
	var out bytes.Buffer
	d := drive(t, s.options(replies()), 80, 24)
	d.waits()
	d.wants("tiny")
	d.runs()
	d.end()
	for _, line := range d.m.models.Interrupted() {
		out.WriteString(line + "\n")
	}
	if got := out.String(); !strings.HasPrefix(got, "tiny was stopped at ") || !strings.HasSuffix(got, ". Resume it in bise, or with bise pull tiny.\n") {
		t.Errorf("it is said: %q", got)
	}

	next := drive(t, s.options(replies()), 80, 24)
	next.waits()
	next.until("the download", func() bool { return len(next.m.models.Downloads) == 1 })
	next.sees("tiny")
	next.sees("paused at ")
	if lines := next.m.models.Interrupted(); len(lines) > 0 {
		t.Errorf("of what nobody went on with it is said: %q", lines)
	}
	next.pressed("home", "enter")
	next.sees("tiny is installed and verified")
}

func TestCancel(t *testing.T) {
	hub := pulltest.New(t)
	hub.Fault(fakehub.CDN, fakehub.Stall(1000), fakehub.Times(2))
	d, s := pulling(t, hub, replies())
	unfinished := func() int {
		t.Helper()
		list, err := s.Unfinished()
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	d.wants("tiny")
	d.runs()
	d.pressed("ctrl+d")
	d.sees(`cancelled "tiny" · u undo`)
	if n := len(d.m.models.Downloads); n > 0 {
		t.Errorf("%d are still on the way", n)
	}
	if n := unfinished(); n != 1 {
		t.Errorf("%d can be gone on with", n)
	}
	d.pressed("u")
	d.runs()

	d.pressed("ctrl+d")
	d.end()
	if n := unfinished(); n > 0 {
		t.Errorf("%d are still there", n)
	}
	if list, err := s.store.Leftovers(0); err != nil || len(list) > 0 {
		t.Errorf("in the store is still %+v, %v", list, err)
	}
}

func TestTwoAtOnce(t *testing.T) {
	hub := pulltest.New(t)
	held := make(chan struct{})
	hub.Fault(fakehub.CDN, fakehub.Barrier(held))
	d, s := pulling(t, hub, replies())
	for _, title := range []string{"tiny", "Seeing 1"} {
		d.wants(title)
	}
	d.until("both", func() bool {
		list := d.m.models.Downloads
		return len(list) == 2 && list[0].State == tuimodels.Running && list[1].State == tuimodels.Running && list[0].Progress.Total > 0 && list[1].Progress.Total > 0
	})
	d.pressed("esc")
	d.sees("2 downloads")
	close(held)
	d.until("both models", func() bool { return len(d.m.models.Downloads) == 0 })
	for _, name := range []string{"tiny", "seeing"} {
		if _, ok := s.store.Installed(name, "q4_k_m"); !ok {
			t.Errorf("%s is not installed", name)
		}
	}
}

// A repository is pulled by its name, as it is written into the filter.
func TestPullByName(t *testing.T) {
	d, s := pulling(t, pulltest.New(t), replies())
	d.wants("hf:acme/tiny-GGUF:Q8_0")
	d.sees("is installed and verified")
	if list, err := s.store.List(); err != nil || len(list) != 1 || list[0].Manifest.Type != "Q8_0" {
		t.Errorf("here is %+v, %v", list, err)
	}
}

func TestOtherType(t *testing.T) {
	d, s := pulling(t, pulltest.New(t), replies())
	d.finds("Huge 1")
	d.m.dialogs[0].(*tuimodels.Dialog).Filtering = false
	d.pressed("space")
	d.sees("Q8_0")
	d.pressed("home", "enter")
	d.sees("d download anyway")
	d.pressed("d")
	d.sees("is installed and verified")
	if _, ok := s.store.Installed("huge", "q8_0"); !ok {
		t.Error("it is not installed")
	}
}

func TestDownloadFails(t *testing.T) {
	t.Run("nothing of that name", func(t *testing.T) {
		d, _ := pulling(t, pulltest.New(t), replies())
		d.wants("nonsense")
		d.until("an error", func() bool { return strings.Contains(d.m.notice.Text, "nonsense") })
		if n := len(d.m.models.Downloads); n > 0 {
			t.Errorf("%d are on the way", n)
		}
		d.pressed("esc") // the error, and the list
		d.lists()
		d.finds("nonsense")
		d.sees("to download it as a repository")
	})
	t.Run("no network", func(t *testing.T) {
		s := newShelves(t, "")
		d := drive(t, s.options(replies()), 80, 24)
		d.waits()
		d.wants("Mathstral")
		d.sees("There is no network here")
	})
	t.Run("what came is no model", func(t *testing.T) {
		hub := pulltest.New(t, fakehub.Repo("acme/bad-GGUF", fakehub.Bytes("Bad-Q4_K_M.gguf", []byte("no model"))).Card(map[string]any{"license": "mit"}))
		d, _ := pulling(t, hub, replies())
		d.wants("hf:acme/bad-GGUF")
		d.until("an error", func() bool { return d.download().State == tuimodels.Broken })
		d.sees("is not a model")
		d.sees("✗ ")
		d.pressed("ctrl+d")
		d.sees("cancelled")
	})
	t.Run("fault of bise's own", func(t *testing.T) {
		s := newShelves(t, "")
		s.puller = panicking{}
		d := drive(t, s.options(replies()), 80, 24)
		d.waits()
		d.wants("Mathstral")
		d.sees("bug in bise")
	})
}

type panicking struct{ slowPuller }

func (panicking) Run(context.Context, *pull.Plan, *pull.Progress) (models.Model, error) {
	panic("no")
}

// What cannot be told is told.
func TestShelfFails(t *testing.T) {
	s := newShelves(t, "")
	if err := os.WriteFile(s.store.Dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o := s.options(replies())
	o.Open = scripted(replies()).Open
	d := drive(t, o, 80, 24)
	d.pressed("ctrl+l")
	d.until("an error", func() bool { return d.m.models.Err != nil && d.m.models.Machine != nil })
	d.pressed("/")
	d.typed("nothing like it")
	if !strings.Contains(d.frame(), "annot") {
		t.Errorf("the error is not told:\n%s", d.frame())
	}

	d = drive(t, scripted(replies()), 80, 24)
	d.pressed("ctrl+l")
	d.sees("odels are not available")
	if !errors.Is(d.m.models.Err, tuimodels.ErrNoLibrary) {
		t.Error(d.m.models.Err)
	}
}
