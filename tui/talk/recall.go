package talk

import "slices"

// addSent adds the user's messages of a conversation to the previous messages.
func (c *composer) addSent(texts []string) {
	c.sent = slices.DeleteFunc(c.sent, func(s string) bool { return slices.Contains(texts, s) })
	c.sent = append(c.sent, texts...)
}

// recalled reports whether the text is a previous message, as it was sent.
func (c *composer) recalled() bool {
	return c.recall > 0 && c.recall <= len(c.sent) && c.Text == c.sent[len(c.sent)-c.recall]
}

// recallSent moves through previous messages, back if by is positive.
func (c *composer) recallSent(by int) {
	to := max(0, min(c.recall+by, len(c.sent)))
	if to == c.recall {
		return
	}
	if c.recall == 0 {
		c.unsent = c.Text
	}
	c.recall = to
	if to == 0 {
		c.SetText(c.unsent)
		return
	}
	c.SetText(c.sent[len(c.sent)-to])
}
