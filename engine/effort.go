package engine

import "slices"

// Efforts are the reasoning efforts that a request can name, from the least to the most. Few
// models know all of them, see [Info].
var Efforts = []string{"none", "minimal", "low", "medium", "high", "xhigh", "max"}

// NearestEffort returns the effort among those that a model knows that is nearest to the one
// that a request names; of two equally near, the higher one. It returns "" if one of them is
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
