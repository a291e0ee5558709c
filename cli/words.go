package cli

import "github.com/bise-sh/bise/units"

// How the verbs say quantities.
var (
	size    = units.Size
	count   = units.Count
	long    = units.Duration
	speed   = units.Speed
	plural  = units.Plural
	precise = units.Precise
	short   = units.Short
)
