package downloader_test

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"testing"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/fakehub"
	"github.com/bise-sh/bise/fault"
)

// small is a file of a hub, as a hub's package would find it.
func small(t *testing.T, h *fakehub.Hub, f fakehub.File) downloader.File {
	t.Helper()
	hash, err := downloader.GitSHA1(f.GitSHA1())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(h.URL + "/acme/x/resolve/main/" + f.Path)
	if err != nil {
		t.Fatal(err)
	}
	return downloader.File{Name: f.Path, Size: f.Content.Size(), Hash: hash, Locate: downloader.At(u, nil)}
}

func TestReadComesRight(t *testing.T) {
	licence := fakehub.Text("LICENSE", "Be good to each other.\n")
	for _, c := range []struct {
		name     string
		fault    fakehub.Fault
		requests int
	}{
		{"nothing wrong", nil, 1},
		{"F01 a connection that is cut", fakehub.Drop(5), 2},
		{"F03 a short answer", fakehub.CleanShort(5), 2},
		{"F13 a flipped bit", fakehub.Flip(3), 2},
		{"F27 an expired URL", fakehub.Expired(), 2},
		{"F34 a packed answer", fakehub.Gzip(), 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := fakehub.New(t, fakehub.Repo("acme/x", licence))
			if c.fault != nil {
				h.Fault(fakehub.ResolveCache, c.fault, fakehub.Times(1))
			}
			data, err := downloader.New(downloader.Options{}).Read(t.Context(), small(t, h, licence), 100)
			if err != nil || string(data) != "Be good to each other.\n" {
				t.Errorf("%q, %v", data, err)
			}
			h.AssertCount(t, fakehub.ResolveCache, c.requests)
		})
	}
}

func TestReadGivesUp(t *testing.T) {
	licence := fakehub.Text("LICENSE", "Be good to each other.\n")
	for _, c := range []struct {
		name     string
		fault    fakehub.Fault
		limit    int64
		kind     fault.Kind
		requests int
	}{
		{"F14 always a flipped bit", fakehub.Flip(3), 100, fault.Damaged, 3},
		{"too large", nil, 3, fault.Refused, 0},
		{"F53 an answer without end", fakehub.Endless("x"), 100, fault.Network, 3},
		{"gone", fakehub.Status(404, ""), 100, fault.Missing, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := fakehub.New(t, fakehub.Repo("acme/x", licence))
			if c.fault != nil {
				h.Fault(fakehub.ResolveCache, c.fault)
			}
			_, err := downloader.New(downloader.Options{}).Read(t.Context(), small(t, h, licence), c.limit)
			var e *fault.Error
			if !errors.As(err, &e) || e.Kind != c.kind {
				t.Errorf("%v", err)
			}
			h.AssertCount(t, fakehub.ResolveCache, c.requests)
		})
	}
}

func TestReadEndsWhenToldTo(t *testing.T) {
	licence := fakehub.Text("LICENSE", "Be good.\n")
	h := fakehub.New(t, fakehub.Repo("acme/x", licence))
	h.Fault(fakehub.ResolveCache, fakehub.StallHeaders())
	ctx, stop := context.WithCancel(t.Context())
	h.Fault(fakehub.Resolve, fakehub.Header(func(http.Header) { stop() }))
	if _, err := downloader.New(downloader.Options{}).Read(ctx, small(t, h, licence), 100); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
