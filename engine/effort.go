package engine

import (
	"fmt"
	"slices"
	"strings"
)

// Efforts are the reasoning efforts that a request can name, from the least to the most. Few
// models know all of them, see [Info].
var Efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}

// NearestEffort returns which of the efforts that a model knows is nearest to the one that a
// request names; of two equally near, the higher one. It returns "" if one of them is
// not in [Efforts], or the model knows none that is.
func NearestEffort(known []string, effort string) string {
	if slices.Contains(known, effort) {
		return effort
	}
	want := slices.Index(Efforts, effort)
	if want < 0 {
		return ""
	}
	best, least := "", len(Efforts)
	for at, e := range Efforts {
		if off := max(at-want, want-at); off <= least && slices.Contains(known, e) {
			best, least = e, off
		}
	}
	return best
}

// HasEffort reports whether a request to the model may name a reasoning effort: models
// that do not think and models of Mistral's older formats have none.
func (i Info) HasEffort() bool {
	return len(i.Efforts) > 0 || i.Can.Thinking && !strings.HasPrefix(i.PromptVersion, "v")
}

// EffortNote says which effort the model gets in place of one that it does not know, "" if it
// gets that one.
func (i Info) EffortNote(effort string) string {
	got := NearestEffort(i.Efforts, effort)
	if effort == "" || got == "" || got == effort {
		return ""
	}
	known := slices.DeleteFunc(slices.Clone(Efforts), func(e string) bool { return !slices.Contains(i.Efforts, e) })
	return fmt.Sprintf("The model knows the efforts %s: it gets %s.", strings.Join(known, ", "), got)
}
