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

// Causes of errors for which callers offer a solution.
var (
	// ErrGated reports a repository whose owner requires users to sign in and to accept
	// terms.
	ErrGated = errors.New("the repository is gated")
	// ErrToken reports a token that the hub refuses. [Hub.Anonymous] may work.
	ErrToken = errors.New("the token is refused")
)

// A subject is what a request asks for.
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

// page is the web page of a repository.
func (h *Hub) page(repo string) string {
	if h.isHuggingFace() {
		return Home + "/" + repo
	}
	return h.base.String() + "/" + repo
}

const tokensPage = Home + "/settings/tokens"

// explain makes the error of a response with an unexpected status, with advice. It closes the
// body.
func (h *Hub) explain(ctx context.Context, resp *http.Response, about subject) error {
	code, message := resp.Header.Get("X-Error-Code"), resp.Header.Get("X-Error-Message")
	status, base := resp.StatusCode, downloader.ResponseError(resp)
	says := func(stringList string) bool { return strings.Contains(strings.ToLower(message), stringList) }
	newError := func(kind fault.Kind, msg, advice string) *fault.Error {
		return &fault.Error{Kind: kind, Msg: fmt.Sprintf("open %s: %s", about, msg), Advice: advice, Cause: base.Cause}
	}
	switch {
	case code == "GatedRepo" || status == http.StatusForbidden && says("gated"):
		e := h.explainGate(newError, about, says)
		e.Kind, e.Cause = fault.Licence, errors.Join(ErrGated, e.Cause)
		return e
	case code == "EntryNotFound":
		return newError(fault.Missing, "it has no such file", "See "+h.page(about.repo)+" for its files.")
	case code == "RevisionNotFound" && about.revision != "":
		return h.explainRevision(ctx, newError, about)
	case status == http.StatusUnauthorized && h.send:
		base.Cause = errors.Join(ErrToken, base.Cause)
		return newError(fault.Denied, fmt.Sprintf("%s refuses the token %s of %s", h.base.Host, h.o.maskedToken(), h.o.tokenSource()),
			"Create a new one at "+tokensPage+", or use none: public models need no token.")
	case status == http.StatusUnauthorized && h.o.Token != "":
		return newError(fault.Denied, "it does not exist or is private, and your token is not sent to "+h.base.Host,
			"Check the name. If you trust "+h.base.Host+" with your token, use bise pull --send-token.")
	case status == http.StatusUnauthorized:
		return newError(fault.Missing, "it does not exist or is private", "Check the name. For a private repository, put a token of "+tokensPage+" into HF_TOKEN.")
	case status == http.StatusNotFound:
		return newError(fault.Missing, "it does not exist, or your token does not give access to it", "Check the name, and the permissions of the token at "+tokensPage+".")
	case status == http.StatusForbidden && says("disabled"):
		return newError(fault.Missing, "the hub has disabled it", "Look for another copy. "+h.page(about.repo)+" may show why.")
	case status == http.StatusForbidden:
		return newError(fault.Denied, "the hub does not allow it", "Check the permissions of the token at "+tokensPage+".")
	}
	base.Msg = fmt.Sprintf("open %s: %s", about, base.Msg)
	return base
}

// explainGate distinguishes the reasons for a refused access.
func (h *Hub) explainGate(newError func(fault.Kind, string, string) *fault.Error, about subject, says func(string) bool) *fault.Error {
	page := h.page(about.repo)
	switch {
	case says("fine-grained"):
		return newError(fault.Denied, "your token may not read gated repositories",
			"At "+tokensPage+" allow it to read public gated repositories, and run the command again.")
	case says("awaiting"):
		return newError(fault.Denied, "your request for access is pending", "Run the command again when the owners have answered. "+page+" shows the state.")
	case says("rejected"):
		return newError(fault.Denied, "its owners have rejected your request for access", "Take another model, or another copy of this one.")
	case says("reset"):
		return newError(fault.Denied, "its owners have revoked your access", "Open "+page+" in a browser, ask again, and then run the command again.")
	case says("authorized list"):
		return newError(fault.Denied, "its owners require you to accept their terms first", "Open "+page+" in a browser, accept them, and run the command again.")
	case h.o.Token != "" && !h.send:
		return newError(fault.Denied, "its owners require you to sign in, and your token is not sent to "+h.base.Host,
			"If you trust "+h.base.Host+" with your token, use bise pull --send-token. Otherwise unset HF_ENDPOINT.")
	}
	return newError(fault.Denied, "its owners require you to sign in and accept their terms first",
		"Open "+page+" in a browser and accept them. Then put a token of "+tokensPage+" into HF_TOKEN and run the command again.")
}

// explainRevision names the existing branches.
func (h *Hub) explainRevision(ctx context.Context, newError func(fault.Kind, string, string) *fault.Error, about subject) error {
	advice := "See " + h.page(about.repo) + " for its branches."
	if names, err := h.branches(ctx, about.repo); err == nil && len(names) > 0 {
		if near := suggest.Word(about.revision, names); near != "" {
			advice = "Did you mean " + near + "?"
		} else {
			const some = 5
			advice = "It has " + strings.Join(names[:min(some, len(names))], ", ") + "."
		}
	}
	return newError(fault.Missing, "it has no such branch, tag or commit", advice)
}

// branches lists the names of branches and tags.
func (h *Hub) branches(ctx context.Context, repo string) ([]string, error) {
	u, err := h.url("/api/models/" + repo + "/refs")
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
