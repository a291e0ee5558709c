package remote

// An echo takes the prefix that an answer continues out of the answer: La
// Plateforme and bise repeat it, the contract does not. An answer that does not
// begin with it comes through whole.
type echo struct {
	prefix string
	seen   int // bytes of prefix that came
}

// strip removes the echoed part of a piece of text.
func (e *echo) strip(text string) string {
	rest := e.prefix[e.seen:]
	n := min(len(rest), len(text))
	if text[:n] == rest[:n] {
		e.seen += n
		return text[n:]
	}
	text = e.prefix[:e.seen] + text
	e.prefix, e.seen = "", 0
	return text
}
