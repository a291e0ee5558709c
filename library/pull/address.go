package pull

import (
	"context"
	"fmt"
	"net/url"
	"path"
	"strings"

	"github.com/bise-sh/bise/downloader"
	"github.com/bise-sh/bise/downloader/web"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/models/licence"
)

// planURL plans a GGUF of a server that knows nothing of models.
func (p *Puller) planURL(ctx context.Context, plan *Plan, ref models.Ref) error {
	if plan.Request.FromSource || plan.Request.Type != "" {
		return fault.Advise(fault.Errorf(fault.Invalid, "cannot pull %s otherwise than it is", plan.Request.Ref), "Leave out --type and --from-source.")
	}
	var want downloader.Hash
	if plan.Request.SHA256 != "" {
		var err error
		if want, err = downloader.SHA256(plan.Request.SHA256); err != nil {
			return fault.Errorf(fault.Invalid, "the hash %.80q is not a SHA-256", plan.Request.SHA256)
		}
	}
	found, err := web.Open(ctx, p.Client, ref.Name, want)
	if err != nil {
		return err
	}
	for _, f := range found {
		if !strings.EqualFold(path.Ext(f.Name), ".gguf") {
			return fault.Advise(fault.Errorf(fault.Invalid, "cannot pull %s: %s is not called a GGUF", plan.Request.Ref, f.Name), "Give the address of a file whose name ends in .gguf.")
		}
		plan.Parts = append(plan.Parts, Part{f.Name, models.Weights, f.File})
	}
	if plan.Name, plan.Tag = models.NameOf(found[0].Name); plan.Tag == "" {
		plan.Tag = tagOf("")
	}
	plan.Title = strings.TrimSuffix(found[0].Name, path.Ext(found[0].Name))
	if p.isInstalled(plan) {
		return nil
	}
	plan.Source = models.Source{Kind: models.URL, Ref: plan.Request.Ref, Repo: plan.Request.Ref}
	plan.Terms = licence.Of(licence.Unstated, "")
	switch {
	case found[0].Hash == "":
		plan.Warnings = append(plan.Warnings, "Nobody says what the bytes should come to, so only their form can be verified; say it with --sha256.")
	case found[0].Sums != "":
		plan.Warnings = append(plan.Warnings, fmt.Sprintf("The bytes are held to %s, which is from the same server.", found[0].Sums))
	}
	return nil
}

// publicRef is a reference that may be written down: an address without a
// password, and without its query, which may hold a signature.
func publicRef(ref models.Ref, text string) string {
	if ref.Scheme != models.URL {
		return text
	}
	u, err := url.Parse(ref.Name)
	if err != nil {
		return ""
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}
