//go:build unix

package batch

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/bise-sh/bise/api"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
)

// A full disk is an error that says so, without the path of a file.
func TestFullDisk(t *testing.T) {
	full := func(http.ResponseWriter, *http.Request) error {
		return fmt.Errorf("write /secret/path: %w", syscall.ENOSPC)
	}
	h := api.New(api.Config{
		Open: func(context.Context, string, func(float64)) (engine.Engine, error) { return enginetest.Says("a"), nil },
		Families: []api.Family{func(api.Config) []api.Route {
			return []api.Route{{Method: "POST", Path: "/store", Serve: onDisk(full)}}
		}},
	})
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "POST", "/store", nil))
	if w.Code != http.StatusInsufficientStorage || !strings.Contains(w.Body.String(), diskFull) || strings.Contains(w.Body.String(), "secret") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}
