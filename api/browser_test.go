package api_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/engine/enginetest"
)

func TestBrowsers(t *testing.T) {
	origins := []string{"app://obsidian.md", "vscode-webview://*", "https://*.example.org"}
	inner := api.New(one(enginetest.Says("x")))
	for _, tt := range []struct {
		host, origin string
		local        bool
		want         int
	}{
		{"host.docker.internal:8642", "", true, 200},
		{"localhost:8642", "app://obsidian.md", true, 200},
		{"localhost:8642", "app://evil", true, 403},
		{"localhost:8642", "vscode-webview://0a1b2c", true, 200},
		{"localhost:8642", "https://a.example.org", true, 200},
		{"localhost:8642", "https://example.org", true, 403},
		{"localhost:8642", "https://a.example.org.evil.example", true, 403},
		{"localhost:8642", "file://localhost", true, 403},
		{"127.0.0.1:8642", "", true, 200},
		{"localhost:8642", "", true, 200},
		{"[::1]:8642", "", true, 200},
		{"localhost.", "", true, 200},
		{"evil.example:8642", "", true, 403},
		{"localhost.evil.example", "", true, 403},
		{"box.lan:8642", "", false, 200},
		{"127.0.0.1:8642", "http://localhost:3000", true, 200},
		{"127.0.0.1:8642", "http://127.0.0.1:8642", true, 200},
		{"127.0.0.1:8642", "https://evil.example", true, 403},
		{"127.0.0.1:8642", "null", true, 403},
		{"box.lan:8642", "http://box.lan:8642", false, 200},
		{"box.lan:8642", "https://evil.example", false, 403},
	} {
		for _, method := range []string{"GET", "OPTIONS"} {
			r := httptest.NewRequestWithContext(t.Context(), method, "/v1/models", nil)
			r.Host = tt.host
			want := tt.want
			if tt.origin != "" {
				r.Header.Set("Origin", tt.origin)
			}
			if method == "OPTIONS" {
				if tt.origin == "" {
					continue
				}
				r.Header.Set("Access-Control-Request-Method", "POST")
				r.Header.Set("Access-Control-Request-Headers", "authorization,x-stainless-os")
				if want == http.StatusOK {
					want = http.StatusNoContent
				}
			}
			w := httptest.NewRecorder()
			api.Browsers(inner, api.Web{Local: tt.local, Origins: origins}).ServeHTTP(w, r)
			if got := w.Header().Get("Access-Control-Allow-Headers"); w.Code == http.StatusNoContent && got != "authorization,x-stainless-os" {
				t.Errorf("the allowed headers are %q", got)
			}
			allowed := w.Header().Get("Access-Control-Allow-Origin")
			if w.Code != want || (allowed == tt.origin) != (tt.origin != "" && tt.want == 200 || tt.origin == "" && allowed == "") {
				t.Errorf("%s for %q from %q: status %d, allowed %q", method, tt.host, tt.origin, w.Code, allowed)
			}
		}
	}
}
