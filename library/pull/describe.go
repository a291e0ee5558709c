package pull

import "strings"

// Command returns the command that starts or continues the pull.
func (r Request) Command() string {
	words := []string{"bise pull", r.Ref}
	if r.FromSource {
		words = append(words, "--from-source")
	}
	if r.Type != "" {
		words = append(words, "--type "+r.Type)
	}
	if r.SHA256 != "" {
		words = append(words, "--sha256 "+r.SHA256)
	}
	return strings.Join(words, " ")
}

// TermsText returns the text of the licence, or else its summary.
func (p *Plan) TermsText() string {
	if text := strings.TrimSpace(string(p.Text)); text != "" {
		return text
	}
	return p.Terms.Summary + "\n\nThe model comes without the text of the licence."
}
