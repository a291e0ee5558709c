package model

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/units"
)

// licenceParts are the licence in a sentence: its name, what it forbids, and when it
// was accepted.
func licenceParts(s library.Provenance) []string {
	if s.Licence == nil {
		return nil
	}
	parts := []string{cmp.Or(library.Terms(*s.Licence).Name, s.Licence.Name, s.Licence.ID)}
	if len(s.Forbids) > 0 {
		parts = append(parts, "no "+strings.Join(s.Forbids, ", no "))
	}
	if !s.Licence.Accepted.IsZero() {
		parts = append(parts, "accepted "+day(s.Licence.Accepted))
	}
	return append(parts, cmp.Or(s.Licence.Link, library.Terms(*s.Licence).Link))
}

// sourceParts say where a model came from.
func sourceParts(s library.Provenance) []string {
	switch {
	case s.Origin == models.Cached:
		return []string{s.Program + "'s cache"}
	case s.Source == nil:
		return nil
	case s.Source.Kind == models.ByPath && s.Origin == models.Registered:
		return []string{"imported, and used in place"}
	case s.Source.Kind == models.ByPath:
		return []string{"imported from " + s.Source.Repo}
	}
	parts := []string{cmp.Or(s.Source.Repo, s.Source.Ref)}
	if s.Source.Revision != "" {
		parts = append(parts, "revision "+s.Source.Revision)
	}
	for _, step := range s.Made {
		parts = append(parts, strings.TrimSpace(step.Step+" here "+step.Type))
	}
	return parts
}

// fileParts are one of a model's files on a line.
func fileParts(f models.File) []string {
	sum := ""
	if f.SHA256 != "" {
		sum = "sha256 " + f.SHA256
	}
	return []string{filepath.Base(f.Path), units.Size(f.Size), sum}
}

// verifiedAgo says when a model was verified.
func verifiedAgo(at, now time.Time) string {
	if at.IsZero() {
		return ""
	}
	return "verified " + units.Ago(at, now)
}

// day is a date as users read it.
func day(t time.Time) string { return fmt.Sprintf("%d %s", t.Day(), t.Format("January 2006")) }
