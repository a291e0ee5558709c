package diff

import (
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"regexp"
	"strings"
)

// mailStart is the line with which git begins each mail of a series.
var mailStart = regexp.MustCompile(`(?m)^From [0-9a-f]{40,64} `)

// transfer is the header that says how a mail's body is encoded.
var transfer = regexp.MustCompile(`(?im)^Content-Transfer-Encoding:[ \t]*(quoted-printable|base64)[ \t]*\r?$`)

// decodeMails gives a text in which the bodies of mails are as they were before a
// mail program encoded them. Git itself encodes none.
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

// decodeMail decodes one mail, if it is one and is encoded.
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
