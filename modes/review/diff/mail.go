package diff

import (
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"regexp"
	"strings"
)

// mailStart matches the first line of a mail in git's format.
var mailStart = regexp.MustCompile(`(?m)^From [0-9a-f]{40,64} `)

// transfer matches the header with the encoding of a mail's body.
var transfer = regexp.MustCompile(`(?im)^Content-Transfer-Encoding:[ \t]*(quoted-printable|base64)[ \t]*\r?$`)

// decodeMails decodes the bodies of the mails in a text. Git does not encode them, but
// mail programs do.
func decodeMails(text string) string {
	if !transfer.MatchString(text) {
		return text
	}
	var b strings.Builder
	starts := mailStart.FindAllStringIndex(text, -1)
	at := 0
	for i := 0; i <= len(starts); i++ {
		end := len(text)
		if i < len(starts) {
			end = starts[i][0]
		}
		b.WriteString(decodeMail(text[at:end]))
		at = end
	}
	return b.String()
}

// decodeMail decodes the body of a mail. It returns other text unchanged.
func decodeMail(mail string) string {
	head, body, ok := strings.Cut(mail, "\n\n")
	if !ok || strings.Contains(head, "\r\n\r\n") {
		head, body, ok = strings.Cut(mail, "\r\n\r\n")
	}
	m := transfer.FindStringSubmatch(head)
	if !ok || m == nil {
		return mail
	}
	var r io.Reader = quotedprintable.NewReader(strings.NewReader(body))
	if strings.EqualFold(m[1], "base64") {
		r = base64.NewDecoder(base64.StdEncoding, strings.NewReader(strings.TrimSpace(body)))
	}
	decoded, err := io.ReadAll(r)
	if err != nil && len(decoded) == 0 {
		return mail
	}
	return head + "\n\n" + string(decoded) + "\n"
}
