package pull

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library/pull/pulltest"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/licence"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// Without a yes no byte of weights is fetched; with one it is written down.
func TestLicenceIsAskedFirst(t *testing.T) {
	for _, r := range []Request{{Ref: "guarded"}, {Ref: "guarded", FromSource: true}, {Ref: "hf:acme/guarded-GGUF"}} {
		t.Run(r.Ref, func(t *testing.T) {
			hub := pulltest.New(t)
			p := newPuller(t, hub)
			plan := planned(t, p, r)
			if !plan.NeedsAcceptance() || plan.Terms.ID != "MNPL-0.1" || string(plan.Text) != pulltest.Terms {
				t.Fatalf("the licence is %s with the text %q, asked: %v", plan.Terms.ID, plan.Text, plan.NeedsAcceptance())
			}
			_, err := p.Run(t.Context(), plan, nil)
			e, ok := errors.AsType[*LicenceError](err)
			_, advice := fault.Explain(err)
			if !ok || e.Plan != plan || fault.KindOf(err) != fault.Licence || !strings.Contains(advice, "No commercial use") || !strings.Contains(advice, "--yes") {
				t.Fatalf("it says %v", err)
			}
			hub.AssertCount(t, fakehub.CDN, 0)

			plan.Accept(noon)
			m := pulled(t, p, plan)
			got := m.Manifest.Licence
			if got.ID != "MNPL-0.1" || !got.Accepted.Equal(noon) || got.TextSHA256 != licence.Digest([]byte(pulltest.Terms)) || got.Link == "" {
				t.Errorf("what is written down is %+v", got)
			}
		})
	}
}

func TestNothingIsAsked(t *testing.T) {
	p := newPuller(t, pulltest.New(t))
	plan := planned(t, p, Request{Ref: "tiny"})
	if plan.NeedsAcceptance() || plan.Text != nil {
		t.Error("a yes is wanted to a licence that forbids nothing")
	}
	if m := pulled(t, p, plan); m.Manifest.Licence.ID != "Apache-2.0" || !m.Manifest.Licence.Accepted.IsZero() {
		t.Errorf("what is written down is %+v", m.Manifest.Licence)
	}
}

// One yes is enough for all types of a model, until the text changes.
func TestAskedOnce(t *testing.T) {
	hub := pulltest.New(t)
	p := newPuller(t, hub)
	plan := planned(t, p, Request{Ref: "guarded"})
	plan.Accept(noon)
	pulled(t, p, plan)

	other := planned(t, p, Request{Ref: "guarded:q8_0"})
	if other.NeedsAcceptance() || !other.Accepted.Equal(noon) {
		t.Error("it is asked again for another type")
	}
	hub.Commit("acme/guarded-GGUF", "main", fakehub.Bytes("Guarded-Q8_0.gguf", pulltest.Model(t, 4)), fakehub.Text("LICENSE", pulltest.Terms+"No fun either.\n"))
	if changed := planned(t, p, Request{Ref: "guarded:q8_0"}); !changed.NeedsAcceptance() {
		t.Error("the text has changed, and nobody is asked")
	}
}

// A yes holds for the pull that it was given to, when that is taken up again.
func TestYesIsKept(t *testing.T) {
	hub := pulltest.New(t)
	p := newPuller(t, hub)
	plan := planned(t, p, Request{Ref: "guarded"})
	plan.Accept(noon)
	hub.Fault(fakehub.CDN, fakehub.Stall(1000), fakehub.Times(1))
	ctx, stop := context.WithCancel(t.Context())
	watch(t, p, plan, ctx, stop, func(s Sample) bool { return s.Done > 0 })
	again := planned(t, p, Request{Ref: "guarded"})
	if again.NeedsAcceptance() {
		t.Fatal("it is asked again")
	}
	if m := pulled(t, p, again); !m.Manifest.Licence.Accepted.Equal(noon) {
		t.Errorf("what is written down is %+v", m.Manifest.Licence)
	}
}

// What a repository says of its licence is believed unless the model that it is made
// of has a stricter one.
func TestStatedLicence(t *testing.T) {
	for _, c := range []struct {
		ref, id string
		asked   bool
		warning string
	}{
		{"hf:acme/tiny-GGUF", "Apache-2.0", false, ""},
		{"hf:other/renamed-GGUF", "MNPL-0.1", true, "states the licence Apache License 2.0"},
		{"hf:other/unsaid-GGUF", licence.Unstated, true, ""},
	} {
		t.Run(c.ref, func(t *testing.T) {
			plan := planned(t, newPuller(t, pulltest.New(t)), Request{Ref: c.ref})
			if plan.Terms.ID != c.id || plan.NeedsAcceptance() != c.asked {
				t.Errorf("the licence is %s, asked: %v", plan.Terms.ID, plan.NeedsAcceptance())
			}
			if all := strings.Join(plan.Warnings, "\n"); !strings.Contains(all, c.warning) || c.warning == "" && all != "" {
				t.Errorf("the warnings are %q", all)
			}
			if c.id == "MNPL-0.1" && string(plan.Text) != pulltest.Terms {
				t.Errorf("the text is %q, not that of the original", plan.Text)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	mnpl, mrl := licence.Of("mnpl", ""), licence.Of("mrl", "")
	text := licence.Digest([]byte("the text"))
	yes := models.Agreement{ID: mnpl.ID, TextSHA256: text, Accepted: noon}
	for _, c := range []struct {
		name    string
		a       models.Agreement
		licence licence.Licence
		text    string
		want    bool
	}{
		{"the same", yes, mnpl, text, true},
		{"another licence", yes, mrl, text, false},
		{"a text that changed", yes, mnpl, licence.Digest([]byte("the Text")), false},
		{"no text", models.Agreement{ID: mnpl.ID, Accepted: noon}, mnpl, "", false},
		{"not accepted", models.Agreement{ID: mnpl.ID, TextSHA256: text}, mnpl, text, false},
	} {
		if got := covers(c.a, c.licence, c.text); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
