// Package licence describes the licences of Mistral's models for the user who accepts them
// before a download.
//
// Nothing here is legal advice or replaces the text, which every licence links to.
package licence

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// A Use is something that a licence forbids.
type Use string

const (
	Commercial Use = "commercial use"
	Production Use = "use in production"
	// LargeCompanies means organisations above a limit of revenue in the licence's text.
	LargeCompanies Use = "commercial use by large companies"
)

// A Licence is what a user may do with a model.
type Licence struct {
	ID   string `json:"id"`   // "MRL-0.1", as in SPDX where SPDX has it
	Name string `json:"name"` // "Mistral Research License"
	// Link is the URL of the text. It is empty if each model's repository has a LICENSE.
	Link    string `json:"link,omitempty"`
	Summary string `json:"summary"`           // two sentences
	Forbids []Use  `json:"forbids,omitempty"` // what users of models may want to do
	// Ask is set if the user must accept it before the download.
	Ask bool `json:"ask"`

	short   string   // for lists
	aliases []string // as model cards write it, lower case
}

// licences are the licences of the model cards, the most frequent first. Sources disagree
// on the revenue limit of Modified MIT.
var licences = []Licence{
	{
		ID: "Apache-2.0", Name: "Apache License 2.0", Link: "https://www.apache.org/licenses/LICENSE-2.0",
		Summary: "Use it for anything, change it and pass it on. Keep its notices.",
		short:   "Apache-2.0", aliases: []string{"apache-2", "apache2", "apache"},
	},
	{
		ID: "MRL-0.1", Name: "Mistral Research License", Link: "https://mistral.ai/licenses/MRL-0.1.md",
		Summary: "For research and personal use. No commercial use of the model, of models derived from it, or of its output.",
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

// All lists the known licences.
func All() []Licence { return slices.Clone(licences) }

// Find returns a licence by its ID or by its name in model cards; case does not matter.
func Find(id string) (_ Licence, ok bool) {
	id = strings.ToLower(strings.TrimSpace(id))
	for _, l := range licences {
		if strings.ToLower(l.ID) == id || slices.Contains(l.aliases, id) {
			return l, true
		}
	}
	return Licence{}, false
}

// Unstated is the ID of an unknown licence.
const Unstated = "unstated"

// Of returns the licence that a model card names, with the link to its text. The user must
// accept a licence that is unknown or not stated.
func Of(id, link string) Licence {
	l, ok := Find(id)
	switch {
	case ok && l.Link == "":
		l.Link = link
	case ok:
	case strings.TrimSpace(id) == "", strings.EqualFold(id, Unstated), strings.EqualFold(id, "unknown"):
		l = Licence{
			ID: Unstated, Name: "No licence is stated", Link: link, Ask: true, short: "not stated",
			Summary: "Its authors do not say what it may be used for. Without a licence, only what the law allows is allowed.",
		}
	default:
		l = Licence{
			ID: id, Name: id, Link: link, Ask: true, short: id,
			Summary: "bise does not know this licence. Read its text before you accept it.",
		}
		if strings.EqualFold(id, "custom") || strings.EqualFold(id, "other") {
			l.Name, l.short = "A custom licence", "custom"
		}
	}
	return l
}

// Label is a short name for lists: "Apache-2.0", "MNPL ⚠".
func (l Licence) Label() string {
	if l.Ask {
		return l.short + " ⚠"
	}
	return l.short
}

// Restrictions is a short phrase such as "research only"; it is empty if nothing is
// forbidden.
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

// Digest returns the SHA-256 of a licence's text, in hex.
func Digest(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// titles are the first words of the licences' texts.
var titles = []struct{ title, id string }{
	{"apache license", "Apache-2.0"},
	{"mistral ai research license", "MRL-0.1"},
	{"mistral research license", "MRL-0.1"},
	{"mistral ai non-production license", "MNPL-0.1"},
	{"modified mit license", "Modified-MIT"},
	{"mit license", "MIT"},
	{"attribution-noncommercial 4.0 international", "CC-BY-NC-4.0"},
}

// Identify returns the licence with this text, by its title.
func Identify(text []byte) (Licence, bool) {
	begin := strings.ToLower(strings.Join(strings.Fields(string(text[:min(400, len(text))])), " "))
	for _, t := range titles {
		if strings.Contains(begin, t.title) {
			return Find(t.id)
		}
	}
	return Licence{}, false
}
