package pull

import (
	"errors"
	"strings"
	"testing"

	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/downloader/huggingface"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library/pull/pulltest"
)

// signedIn is a puller with a token.
func signedIn(t *testing.T, hub *fakehub.Hub, token string) *Puller {
	t.Helper()
	p := newPuller(t, hub)
	var err error
	if p.Hub, err = huggingface.New(p.Client, huggingface.Options{Endpoint: hub.URL, Token: token, TokenFrom: "HF_TOKEN"}); err != nil {
		t.Fatal(err)
	}
	return p
}

// A token that has expired does not stand between people and what is public.
func TestWrongToken(t *testing.T) {
	hub := pulltest.New(t)
	p := signedIn(t, hub, "hf_expiredexpiredexpiredexpired")
	plan := planned(t, p, Request{Ref: "tiny"})
	if len(plan.Warnings) != 1 || !strings.Contains(plan.Warnings[0], "rejects your token") {
		t.Errorf("it warns %q", plan.Warnings)
	}
	pulled(t, p, plan)
	right(t, p.Store, "tiny", "q4_k_m")
}

// Who may not read a gated repository learns it before a byte of weights, and where
// the terms are.
func TestGated(t *testing.T) {
	for _, c := range []struct {
		who, token string
		is         error
		what, hint string
	}{
		{"anybody", "", huggingface.ErrGated, "accept their terms first", "/acme/closed-GGUF in a browser"},
		{"who has not asked", fakehub.Bob, huggingface.ErrGated, "accept their terms first", "/acme/closed-GGUF in a browser"},
		{"who waits", fakehub.Cat, huggingface.ErrGated, "is pending", "/acme/closed-GGUF"},
		{"a wrong token", "hf_expiredexpiredexpiredexpired", huggingface.ErrToken, "refuses the token hf_…ired of HF_TOKEN", "settings/tokens"},
		{"who may", fakehub.Ann, nil, "", ""},
	} {
		t.Run(c.who, func(t *testing.T) {
			hub := pulltest.New(t)
			p := signedIn(t, hub, c.token)
			plan, err := p.Plan(t.Context(), Request{Ref: "hf:acme/closed-GGUF"})
			if c.is == nil {
				if err != nil {
					t.Fatal(err)
				}
				pulled(t, p, plan)
				right(t, p.Store, "closed", "q4_k_m")
				hub.AssertNoTokenLeak(t)
				return
			}
			if _, advice := fault.Explain(err); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.what) || !strings.Contains(advice, c.hint) {
				t.Errorf("it says %v", err)
			}
			hub.AssertCount(t, fakehub.CDN, 0)
		})
	}
}

// The same of original weights, of which the configuration is read first.
func TestGatedSource(t *testing.T) {
	hub := pulltest.New(t, fakehub.Repo("acme/origin", fakehub.Text("params.json", "{}"), fakehub.Text("tekken.json", "{}"), fakehub.Safetensors("consolidated.safetensors", "w", 4096)).Gated("auto"))
	_, err := newPuller(t, hub).Plan(t.Context(), Request{Ref: "hf:acme/origin"})
	if !errors.Is(err, huggingface.ErrGated) || !strings.HasPrefix(err.Error(), "open params.json of acme/origin: its owners") {
		t.Errorf("it says %v", err)
	}
}
