// Package web downloads images and documents to attach. It is apart from package
// attach, which knows no network.
package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/units"
)

// timeout is how long a download may take.
const timeout = 2 * time.Minute

// Fetch downloads the image or document at a URL, up to [attach.MaxDocument] bytes.
// The version of bise goes into the request.
func Fetch(ctx context.Context, u *url.URL, version string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	failed := func(why any, advice string) error {
		return &fault.Error{Kind: fault.Network, Msg: fmt.Sprintf("cannot fetch %s: %v", u.Redacted(), why), Advice: advice}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, failed(err, "Check the URL.")
	}
	r.Header.Set("User-Agent", "bise/"+cmp.Or(version, "dev"))
	r.Header.Set("Accept", "image/png, image/jpeg, image/webp, image/*, application/pdf")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return nil, failed(err, "Check the URL and the network.")
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, failed("the server answered "+response.Status, "Check the URL: it must be that of the image, not of a page that shows it.")
	}
	data, err := attach.ReadAll(ctx, response.Body, attach.MaxDocument)
	if errors.Is(err, attach.ErrTooLarge) {
		return nil, failed("it is larger than "+units.Size(attach.MaxDocument), "Save it and make it smaller.")
	}
	if err != nil {
		return nil, failed(err, "Try again.")
	}
	return data, nil
}
