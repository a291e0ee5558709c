package cli

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/bise-sh/bise/models"
)

// A shownInstall is what bise show tells of how a model came to be here.
type shownInstall struct {
	Origin   models.Origin     `json:"origin"`
	Program  string            `json:"program,omitempty"`
	Tag      string            `json:"tag,omitempty"`
	Source   *models.Source    `json:"source,omitempty"`
	Files    []models.File     `json:"files"`
	Licence  *models.Agreement `json:"licence,omitempty"`
	Forbids  []string          `json:"licence_forbids,omitempty"`
	Made     []models.Step     `json:"made,omitempty"`
	Can      []string          `json:"can"`
	Created  time.Time         `json:"created,omitzero"`
	Used     time.Time         `json:"used,omitzero"`
	Verified time.Time         `json:"verified,omitzero"`
}

func installOf(m models.Model, can []string, terms models.Agreement) shownInstall {
	s := shownInstall{
		Origin: m.Origin, Program: m.Program, Tag: m.Tag, Files: m.Files, Can: can, Used: m.Used, Verified: m.Verified,
	}
	if man := m.Manifest; man != nil {
		s.Source, s.Made, s.Created = &man.Source, man.Made, man.Created
		if man.Licence != (models.Agreement{}) {
			terms = man.Licence
		}
	}
	if terms.ID != "" || terms.Name != "" {
		s.Licence = &terms
		for _, use := range known(terms).Forbids {
			s.Forbids = append(s.Forbids, string(use))
		}
	}
	return s
}

// terms are the licence in a sentence: what it is called, what it forbids, and
// when somebody agreed.
func (s shownInstall) terms() []string {
	if s.Licence == nil {
		return nil
	}
	parts := []string{cmp.Or(known(*s.Licence).Name, s.Licence.Name, s.Licence.ID)}
	if len(s.Forbids) > 0 {
		parts = append(parts, "no "+strings.Join(s.Forbids, ", no "))
	}
	if !s.Licence.Accepted.IsZero() {
		parts = append(parts, "accepted "+day(s.Licence.Accepted))
	}
	return append(parts, cmp.Or(s.Licence.Link, known(*s.Licence).Link))
}

// from says where the model came from.
func (s shownInstall) from() []string {
	switch {
	case s.Origin == models.Cached:
		return []string{s.Program + "'s cache"}
	case s.Source == nil:
		return nil
	case s.Source.Kind == models.ByPath && s.Origin == models.Registered:
		return []string{"imported, and used where it lies"}
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

// file is one of the model's files on a line.
func (s shownInstall) file(f models.File) []string {
	sum := ""
	if f.SHA256 != "" {
		sum = "sha256 " + f.SHA256
	}
	return []string{filepath.Base(f.Path), size(f.Size), sum}
}

// health says whether the bytes are known to be right.
func (s shownInstall) health(now time.Time) string {
	if s.Verified.IsZero() {
		return ""
	}
	return "verified " + ago(s.Verified, now)
}

// day is a date for people.
func day(t time.Time) string { return fmt.Sprintf("%d %s", t.Day(), t.Format("January 2006")) }
