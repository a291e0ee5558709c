// Package licence knows the licences that models of the family come under: what a user
// reads before the weights are fetched, and what is written down when they agree.
//
// Nothing here is legal advice, and nothing stands in for the text itself, which
// every licence links to.
package licence

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// A Use is something that a licence forbids.
type Use string

const (
	Commercial Use = "commercial use"
	Production Use = "use in production"
	// LargeCompanies stands for commercial use by organisations above a limit of
	// revenue, which the licence's text names.
	LargeCompanies Use = "commercial use by large companies"
)

// A Licence is what a user may do with a model.
type Licence struct {
	ID   string `json:"id"`   // "MRL-0.1", as in SPDX where SPDX has it
	Name string `json:"name"` // "Mistral Research License"
	// Link is where the text is. Where each model has its own text, it is empty and the
	// model's repository has it as LICENSE.
	Link    string `json:"link,omitempty"`
	Summary string `json:"summary"`           // the two sentences that matter
	Forbids []Use  `json:"forbids,omitempty"` // empty: nothing that a user of models would want
	// Ask is set where a user must agree before the weights are fetched.
	Ask bool `json:"ask"`

	short   string   // for lists
	aliases []string // as model cards write it, lower case
}

// licences follow the family's model cards, the most frequent first. The
// revenue limit of Modified MIT is left to its text: sources disagree on it.
var licences = []Licence{
	{
		ID: "Apache-2.0", Name: "Apache License 2.0", Link: "https://www.apache.org/licenses/LICENSE-2.0",
		Summary: "Use it for anything, change it and pass it on. Keep its notices.",
		short:   "Apache-2.0", aliases: []string{"apache-2", "apache2", "apache"},
	},
	{
		ID: "MRL-0.1", Name: "Mistral Research License", Link: "https://mistral.ai/licenses/MRL-0.1.md",
		Summary: "For research and personal use. No commercial use, neither of the model, of models made from it, nor of what it writes.",
		Forbids: []Use{Commercial}, Ask: true,
		short: "MRL", aliases: []string{"mrl", "mistral-research-license"},
	},
	{
		ID: "MNPL-0.1", Name: "Mistral AI Non-Production License", Link: "https://mistral.ai/licenses/MNPL-0.1.md",
		Summary: "For testing and research. No commercial use, no use in production.",
		Forbids: []Use{Commercial, Production}, Ask: true,
		short: "MNPL", aliases: []string{"mnpl", "mistral-ai-non-production-license"},
	},
	{
		ID: "Modified-MIT", Name: "Modified MIT License",
		Summary: "Use it for anything, unless your organisation earns more than the limit in the licence's text. Above that limit, commercial use needs an agreement with Mistral.",
		Forbids: []Use{LargeCompanies}, Ask: true,
		short: "Modified MIT", aliases: []string{"modified mit", "mistral-modified-mit", "modified-mit-license"},
	},
	{
		ID: "CC-BY-NC-4.0", Name: "Creative Commons Attribution-NonCommercial 4.0", Link: "https://creativecommons.org/licenses/by-nc/4.0/",
		Summary: "Use it, change it and pass it on, and name its makers. No commercial use.",
		Forbids: []Use{Commercial}, Ask: true,
		short: "CC BY-NC", aliases: []string{"cc by-nc 4.0"},
	},
	{
		ID: "MIT", Name: "MIT License", Link: "https://opensource.org/license/mit",
		Summary: "Use it for anything, change it and pass it on. Keep its notice.",
		short:   "MIT",
	},
}

// All lists the licences that are known.
func All() []Licence { return slices.Clone(licences) }

// Find gives a licence by its ID or by what a model card calls it; case does not
// matter.
func Find(id string) (_ Licence, ok bool) {
	id = strings.ToLower(strings.TrimSpace(id))
	for _, l := range licences {
		if strings.ToLower(l.ID) == id || slices.Contains(l.aliases, id) {
			return l, true
		}
	}
	return Licence{}, false
}

// Unstated is the ID of a model's licence where it is unknown.
const Unstated = "unstated"

// Of is the licence that a model card names, with where its text is. One that is
// not known has to be agreed to, and so has one that is not stated.
func Of(id, link string) Licence {
	l, ok := Find(id)
	switch {
	case ok && l.Link == "":
		l.Link = link
	case ok:
	case strings.TrimSpace(id) == "", strings.EqualFold(id, Unstated), strings.EqualFold(id, "unknown"):
		l = Licence{
			ID: Unstated, Name: "No licence is stated", Link: link, Ask: true, short: "not stated",
			Summary: "Its makers do not say what it may be used for. Without a licence nothing is allowed that the law does not allow.",
		}
	case strings.EqualFold(id, "custom"), strings.EqualFold(id, "other"):
		l = Licence{
			ID: id, Name: "A licence of its own", Link: link, Ask: true, short: "of its own",
			Summary: "bise does not know this licence. Read its text before you agree.",
		}
	default:
		l = Licence{
			ID: id, Name: id, Link: link, Ask: true, short: id,
			Summary: "bise does not know this licence. Read its text before you agree.",
		}
	}
	return l
}

// Label is the licence in a list: "Apache-2.0", "MNPL ⚠".
func (l Licence) Label() string {
	if l.Ask {
		return l.short + " ⚠"
	}
	return l.short
}

// Restrictions is the licence in a list of what one might take: "not for commercial
// use", "research only". It is empty where nothing is forbidden.
func (l Licence) Restrictions() string {
	switch {
	case l.ID == "MRL-0.1":
		return "research only"
	case l.forbids(Commercial):
		return "not for commercial use"
	case l.forbids(LargeCompanies):
		return "not for large companies"
	case l.Ask:
		return "licence " + l.short
	}
	return ""
}

func (l Licence) forbids(u Use) bool { return slices.Contains(l.Forbids, u) }

// Digest names a text that was shown: its SHA-256, in hex.
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// An Acceptance is the user's yes to a licence.
type Acceptance struct {
	Licence string    `json:"licence"` // its ID
	Text    string    `json:"text"`    // the [Digest] of what was shown
	User    string    `json:"user,omitempty"`
	Time    time.Time `json:"time"`
}

// Covers reports whether the yes holds for a licence with this text. A text that
// has changed has to be agreed to again.
func (a Acceptance) Covers(l Licence, digest string) bool {
	return a.Licence == l.ID && a.Text == digest && digest != ""
}

// titles are how the texts of licences begin, which tells them apart.
var titles = []struct{ title, id string }{
	{"apache license", "Apache-2.0"},
	{"mistral ai research license", "MRL-0.1"},
	{"mistral research license", "MRL-0.1"},
	{"mistral ai non-production license", "MNPL-0.1"},
	{"modified mit license", "Modified-MIT"},
	{"mit license", "MIT"},
	{"attribution-noncommercial 4.0 international", "CC-BY-NC-4.0"},
}

// Identify gives the licence whose text this is, by its title.
func Identify(text []byte) (Licence, bool) {
	const head = 400 // bytes in which a title stands
	begin := strings.ToLower(strings.Join(strings.Fields(string(text[:min(head, len(text))])), " "))
	for _, t := range titles {
		if strings.Contains(begin, t.title) {
			return Find(t.id)
		}
	}
	return Licence{}, false
}
