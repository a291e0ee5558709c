package huggingface

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/fault/suggest"
)

// What an error is about, for callers that offer something: to open a page, or to convert
// a model that is not quantized.
var (
	// ErrGated is behind the error of a repository whose owner wants people to sign in
	// and to accept something before they read it.
	ErrGated = errors.New("the repository is gated")
	// ErrToken is behind the error of a token that the hub does not take.
	// [Hub.Anonymous] may do better.
	ErrToken = errors.New("the token is refused")
)

// A subject is what was asked for.
type subject struct {
	repo, revision, path string
}

func (s subject) String() string {
	switch {
	case s.path != "":
		return s.path + " of " + s.repo
	case s.revision != "":
		return s.repo + "@" + s.revision
	}
	return s.repo
}

// page is where people look at a repository.
func (h *Hub) page(repo string) string {
	if h.own() {
		return Home + "/" + repo
	}
	return h.base.String() + "/" + repo
}

const tokensPage = Home + "/settings/tokens"

// explain makes the error of a response with an unexpected status, with advice. It closes
// the body.
func (h *Hub) explain(ctx context.Context, resp *http.Response, about subject) error {
	code, message := resp.Header.Get("X-Error-Code"), resp.Header.Get("X-Error-Message")
	status, base := resp.StatusCode, downloader.ResponseError(resp)
	said := func(words string) bool { return strings.Contains(strings.ToLower(message), words) }
	tell := func(kind fault.Kind, msg, advice string) *fault.Error {
		return &fault.Error{Kind: kind, Msg: fmt.Sprintf("open %s: %s", about, msg), Advice: advice, Cause: base.Cause}
	}
	switch {
	case code == "GatedRepo" || status == http.StatusForbidden && said("gated"):
		e := h.explainGate(tell, about, said)
		e.Kind, e.Cause = fault.Licence, errors.Join(ErrGated, e.Cause)
		return e
	case code == "EntryNotFound":
		return tell(fault.Missing, "there is no such file", "Look at "+h.page(about.repo)+" for the files it has.")
	case code == "RevisionNotFound" && about.revision != "":
		return h.explainRevision(ctx, tell, about)
	case status == http.StatusUnauthorized && h.send:
		base.Cause = errors.Join(ErrToken, base.Cause)
		return tell(fault.Denied, fmt.Sprintf("%s does not take the token %s of %s", h.base.Host, h.o.shown(), h.o.from()),
			"Make a new one at "+tokensPage+"; or do without it, which is enough for what is public.")
	case status == http.StatusUnauthorized && h.o.Token != "":
		return tell(fault.Denied, "it does not exist, or only those may see it who have signed in, and your token is not sent to "+h.base.Host,
			"Check the name; if you trust "+h.base.Host+" with your token, allow that: bise pull --send-token.")
	case status == http.StatusUnauthorized:
		return tell(fault.Missing, "it does not exist or is private", "Check the name; for a private one put a token of "+tokensPage+" into HF_TOKEN.")
	case status == http.StatusNotFound:
		return tell(fault.Missing, "it does not exist, or your token does not give access to it", "Check the name, and what the token may read at "+tokensPage+".")
	case status == http.StatusForbidden && said("disabled"):
		return tell(fault.Missing, "the hub has switched it off", "Look for another copy; "+h.page(about.repo)+" may say why.")
	case status == http.StatusForbidden:
		return tell(fault.Denied, "the hub does not allow it", "See what the token may read at "+tokensPage+".")
	}
	base.Msg = fmt.Sprintf("open %s: %s", about, base.Msg)
	return base
}

// explainGate distinguishes the five reasons for a refused access.
func (h *Hub) explainGate(tell func(fault.Kind, string, string) *fault.Error, about subject, said func(string) bool) *fault.Error {
	page := h.page(about.repo)
	switch {
	case said("fine-grained"):
		return tell(fault.Denied, "your token may not read gated repositories",
			"At "+tokensPage+" give it the permission to read public gated repositories, and run it again.")
	case said("awaiting"):
		return tell(fault.Denied, "your request for access waits for its owners", "Run it again when they have answered; "+page+" tells.")
	case said("rejected"):
		return tell(fault.Denied, "its owners have rejected your request for access", "Take another model, or another copy of this one.")
	case said("reset"):
		return tell(fault.Denied, "its owners have taken your access back", "Open "+page+" in a browser, ask again, and then run it again.")
	case said("authorized list"):
		return tell(fault.Denied, "its owners want you to accept their terms first", "Open "+page+" in a browser, accept them, and run it again.")
	case h.o.Token != "" && !h.send:
		return tell(fault.Denied, "its owners want to know who reads it, and your token is not sent to "+h.base.Host,
			"If you trust "+h.base.Host+" with your token, allow that: bise pull --send-token; or unset HF_ENDPOINT.")
	}
	return tell(fault.Denied, "its owners want you to sign in and accept their terms first",
		"Open "+page+" in a browser and accept them; then put a token of "+tokensPage+" into HF_TOKEN and run it again.")
}

// explainRevision reports which branches there are.
func (h *Hub) explainRevision(ctx context.Context, tell func(fault.Kind, string, string) *fault.Error, about subject) error {
	advice := "Look at " + h.page(about.repo) + " for its branches."
	if names, err := h.branches(ctx, about.repo); err == nil && len(names) > 0 {
		if near := suggest.Word(about.revision, names); near != "" {
			advice = "Did you mean " + near + "?"
		} else {
			const some = 5
			advice = "It has " + strings.Join(names[:min(some, len(names))], ", ") + "."
		}
	}
	return tell(fault.Missing, "it has no such branch, tag or commit", advice)
}

// branches are the names of branches and tags.
func (h *Hub) branches(ctx context.Context, repo string) ([]string, error) {
	u, err := h.at("/api/models/" + repo + "/refs")
	if err != nil {
		return nil, err
	}
	var refs struct{ Branches, Tags []struct{ Name string } }
	if _, err := h.ask(ctx, u, subject{repo: repo}, &refs); err != nil {
		return nil, err
	}
	var names []string
	for _, b := range append(refs.Branches, refs.Tags...) {
		names = append(names, b.Name)
	}
	return names, nil
}
