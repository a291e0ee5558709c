//go:build !unix

package machine

func ownSeconds() (float64, bool) { return 0, false }
