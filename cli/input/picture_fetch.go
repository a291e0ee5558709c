package input

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

	"github.com/bise-sh/bise/cli/build"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/modes/vision"
	"github.com/bise-sh/bise/render/term"
	"github.com/bise-sh/bise/units"
)

// fetchTime is how long the fetching of a picture may take.
const fetchTime = 2 * time.Minute

// fetchPicture gets what lies at an address, once somebody has agreed: whoever is
// asked for it learns that it is looked at.
func fetchPicture(ctx context.Context, con *console.Console, address string, agreed bool) ([]byte, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, fault.Errorf(fault.Usage, "%q is no address", address)
	}
	if !agreed {
		if err := agreeToFetch(ctx, con, u); err != nil {
			return nil, err
		}
	}
	con.Wait(func(int) string { return "fetching " + con.Clean(u.Redacted()) })
	defer con.Erase()
	data, err := fetched(ctx, u)
	if err != nil && ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return data, err
}

func agreeToFetch(ctx context.Context, con *console.Console, u *url.URL) error {
	refused := &fault.Error{
		Kind:   fault.Usage,
		Msg:    fmt.Sprintf("%s is not fetched: nobody has agreed to it", u.Redacted()),
		Advice: "Answer the question with y, or use bise see --fetch.",
	}
	if con.JSON || !term.IsTerminal(con.Stdin) || !con.Err.Terminal() {
		return refused
	}
	fmt.Fprintf(con.Stderr, "Fetch %s from %s? [y/N] ", con.Clean(cmp.Or(strings.Trim(path.Base(u.Path), "/."), "a picture")), con.Clean(u.Host))
	answer, err := console.ReadLine(ctx, bufio.NewReader(con.Stdin))
	if err != nil {
		fmt.Fprintln(con.Stderr)
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return refused
}

func fetched(ctx context.Context, u *url.URL) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, fault.Errorf(fault.Usage, "cannot fetch %s: %v", u.Redacted(), err)
	}
	r.Header.Set("User-Agent", "bise/"+cmp.Or(build.Current().Version, "dev"))
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
	data, err := Bounded(ctx, answer.Body, vision.MaxDocument)
	if errors.Is(err, ErrTooMuch) {
		return nil, failed("it is larger than "+units.Size(vision.MaxDocument), "Save it, and make it smaller.")
	}
	if err != nil {
		return nil, failed(err, "Try again.")
	}
	return data, nil
}
