package api

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
)

//go:embed page.html
var pageHTML string

var page = template.Must(template.New("page").Parse(pageHTML))

// writePage answers with a page that lists the routes and how clients are set up.
func writePage(w http.ResponseWriter, r *http.Request, routes []Route) error {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	var b bytes.Buffer
	err := page.Execute(&b, struct {
		Base   string
		Routes []Route
	}{scheme + "://" + r.Host, routes})
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, err = w.Write(b.Bytes())
	return err
}
