package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/render/term"
)

// fetchTime is how long the fetching of a picture may take.
const fetchTime = 2 * time.Minute

// fetchPicture gets what lies at an address, once somebody has agreed: whoever is
// asked for it learns that it is looked at.
func (a *app) fetchPicture(ctx context.Context, address string, agreed bool) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, usageErrorf("%q is no address", address)
	}
	if !agreed {
		if err := a.agreeToFetch(ctx, u); err != nil {
			return nil, err
		}
	}
	a.progress.wait(func(int) string { return "fetching " + a.plain(u.Redacted()) })
	defer a.progress.erase()
	data, err := a.fetched(ctx, u)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return data, err
}

func (a *app) agreeToFetch(ctx context.Context, u *url.URL) error {
	refused := &fault.Error{
		Kind:   fault.Usage,
		Msg:    fmt.Sprintf("%s is not fetched: nobody has agreed to it", u.Redacted()),
		Advice: "Answer the question with y, or use bise see --fetch.",
	}
	if a.json || !term.IsTerminal(a.stdin) || !a.err.Terminal() {
		return refused
	}
	fmt.Fprintf(a.stderr, "Fetch %s from %s? [y/N] ", a.plain(cmp.Or(strings.Trim(path.Base(u.Path), "/."), "a picture")), a.plain(u.Host))
	answer, err := typed(ctx, bufio.NewReader(a.stdin))
	if err != nil {
		fmt.Fprintln(a.stderr)
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return refused
}

func (a *app) fetched(ctx context.Context, u *url.URL) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, usageErrorf("cannot fetch %s: %v", u.Redacted(), err)
	}
	r.Header.Set("User-Agent", "bise/"+cmp.Or(thisBuild().Version, "dev"))
	r.Header.Set("Accept", "image/png, image/jpeg, image/webp, image/*, application/pdf")
	failed := func(why any, advice string) error {
		return &fault.Error{Kind: fault.Network, Msg: fmt.Sprintf("cannot fetch %s: %v", u.Redacted(), why), Advice: advice}
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, failed(err, "Check the address and the network.")
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, failed("the server says "+answer.Status, "Check the address: it has to be the picture's own, not that of a page which shows it.")
	}
	data, err := bounded(ctx, answer.Body, vision.MaxDocument)
	if errors.Is(err, errTooMuch) {
		return nil, failed("it is larger than "+size(vision.MaxDocument), "Save it, and make it smaller.")
	}
	if err != nil {
		return nil, failed(err, "Try again.")
	}
	return data, nil
}
