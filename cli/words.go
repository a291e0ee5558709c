package cli

import "github.com/bise-sh/bise/words"

// How the verbs say quantities.
var (
	size    = words.Size
	count   = words.Count
	long    = words.Duration
	speed   = words.Speed
	plural  = words.Plural
	precise = words.Precise
	short   = words.Short
)
