package api

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bise-sh/bise/fault"
)

// textTypes are media types of texts beside text/*.
var textTypes = []string{"application/json", "application/xml", "application/yaml", "application/x-yaml", "application/toml", "application/javascript", "application/x-sh"}

// TextDocument returns the text of a document in a request, after its name. Data is a data:
// URL, or only the base64 of one. Documents that are not text, such as PDFs, are errors of
// kind Invalid with param as the field.
func TextDocument(param, name, data string) (string, error) {
	refuse := func(format string, args ...any) (string, error) {
		err := fault.Errorf(fault.Invalid, format, args...)
		err.Param, err.Advice = param, "Send the document's text, or its pages as images"
		return "", err
	}
	mediaType, code, isURL := "", data, strings.HasPrefix(data, "data:")
	encoded := true
	if isURL {
		head, rest, ok := strings.Cut(data[len("data:"):], ",")
		if !ok {
			return refuse("%s: the data: URL of the document has no comma", param)
		}
		code = rest
		head, encoded = strings.CutSuffix(head, ";base64")
		mediaType, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(head)), ";")
	}
	if strings.Contains(code[:min(len(code), 8)], "://") || strings.HasPrefix(code, "http:") || strings.HasPrefix(code, "https:") {
		return refuse("%s: documents are not fetched", param)
	}
	if code == "" {
		return refuse("%s: the document is empty", param)
	}
	const pdf = "application/pdf"
	if mediaType == pdf {
		return refuse("%s: PDFs are not read here", param)
	}
	content, err := decodeDocument(code, encoded)
	if err != nil {
		return refuse("%s: the document is not valid base64", param)
	}
	isText := mediaType == "" || strings.HasPrefix(mediaType, "text/") || slices.Contains(textTypes, mediaType) || strings.HasSuffix(mediaType, "+json") || strings.HasSuffix(mediaType, "+xml")
	switch {
	case http.DetectContentType(content) == pdf:
		return refuse("%s: PDFs are not read here", param)
	case !isText:
		return refuse("%s: documents of type %.60q are not read here, only text", param, mediaType)
	case !utf8.Valid(content) || bytes.IndexByte(content, 0) >= 0:
		return refuse("%s: the document is not text in UTF-8", param)
	}
	text := string(bytes.TrimPrefix(content, []byte("\uFEFF")))
	if name != "" {
		text = name + "\n" + text
	}
	return text, nil
}

func decodeDocument(code string, encoded bool) ([]byte, error) {
	if !encoded {
		text, err := url.PathUnescape(code)
		return []byte(text), err
	}
	// Some programs leave out the padding.
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(code, "="))
}
