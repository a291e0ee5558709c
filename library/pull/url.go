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

func (p *Puller) planURL(ctx context.Context, plan *Plan, ref models.Ref) error {
	if plan.Request.FromSource || plan.Request.Type != "" {
		return fault.Advise(fault.Errorf(fault.Invalid, "cannot convert %s: it is a finished file", plan.Request.Ref), "Omit --type and --from-source.")
	}
	var want downloader.Hash
	if plan.Request.SHA256 != "" {
		var err error
		if want, err = downloader.SHA256(plan.Request.SHA256); err != nil {
			return fault.Errorf(fault.Invalid, "invalid SHA-256 %.80q", plan.Request.SHA256)
		}
	}
	found, err := web.Open(ctx, p.Client, ref.Name, want)
	if err != nil {
		return err
	}
	for _, f := range found {
		if !strings.EqualFold(path.Ext(f.Name), ".gguf") {
			return fault.Advise(fault.Errorf(fault.Invalid, "cannot pull %s: the name of %s does not end in .gguf", plan.Request.Ref, f.Name), "Give the URL of a GGUF file.")
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
		plan.Warnings = append(plan.Warnings, "The server gives no checksum, so only the format can be verified; give the checksum with --sha256.")
	case found[0].Sums != "":
		plan.Warnings = append(plan.Warnings, fmt.Sprintf("The checksum is from %s on the same server.", found[0].Sums))
	}
	return nil
}

// publicRef is a reference that may be stored: a URL without a password, and without a
// query, which may be a signature.
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
