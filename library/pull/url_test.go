package pull

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library/pull/pulltest"
	"github.com/bise-sh/bise/models/licence"
)

// plainServer has files and knows nothing of models.
func plainServer(t *testing.T, files map[string][]byte) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data, ok := files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

func TestURL(t *testing.T) {
	data := pulltest.Model(t, 31)
	digits := sha256.Sum256(data)
	sum := hex.EncodeToString(digits[:])
	url := plainServer(t, map[string][]byte{
		"/Some-7B.Q4_K_M.gguf": data,
		"/summed.gguf":         data, "/summed.gguf.sha256": []byte(sum + "  summed.gguf\n"),
		"/no-model.gguf": []byte("not a model, whatever it is called"),
		"/notes.txt":     []byte("hello"),
	})
	for _, c := range []struct {
		name, path, sum string
		id, warning     string
	}{
		{"nothing is known", "/Some-7B.Q4_K_M.gguf", "", "some-7b:q4_k_m", "only the format can be verified"},
		{"the hash is given", "/Some-7B.Q4_K_M.gguf", sum, "some-7b:q4_k_m", ""},
		{"the hash is beside it", "/summed.gguf", "", "summed:latest", "on the same server"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := pullerInto(t, url, t.TempDir())
			plan := planned(t, p, Request{Ref: url + c.path + "?token=secret", SHA256: c.sum})
			if plan.Terms.ID != licence.Unstated || !plan.NeedsAcceptance() || !strings.Contains(strings.Join(plan.Warnings, " "), c.warning) || c.warning == "" && len(plan.Warnings) > 0 {
				t.Fatalf("it comes under %s, with the warnings %q", plan.Terms.ID, plan.Warnings)
			}
			plan.Accept(noon)
			m := pulled(t, p, plan)
			right(t, p.Store, plan.Name, plan.Tag)
			if plan.Name+":"+plan.Tag != c.id || m.Manifest.Source.Repo != url+c.path || m.Manifest.Files[0].SHA256 != sum {
				t.Errorf("%s:%s is %+v", plan.Name, plan.Tag, m.Manifest)
			}
			// What was secret in the address is nowhere.
			manifest, err := os.ReadFile(filepath.Join(p.Store.Dir, plan.Name, plan.Tag, "manifest.json"))
			if err != nil || strings.Contains(string(manifest), "secret") {
				t.Errorf("the manifest is %s, %v", manifest, err)
			}
		})
	}
	t.Run("it is no model", func(t *testing.T) {
		p := pullerInto(t, url, t.TempDir())
		plan := planned(t, p, Request{Ref: url + "/no-model.gguf"})
		plan.Accept(noon)
		if _, err := p.Run(t.Context(), plan, nil); fault.KindOf(err) != fault.BadModel {
			t.Errorf("it says %v", err)
		}
	})
	t.Run("refused", func(t *testing.T) {
		p := pullerInto(t, url, t.TempDir())
		for _, c := range []struct {
			r    Request
			what string
		}{
			{Request{Ref: url + "/notes.txt"}, "does not end in .gguf"},
			{Request{Ref: url + "/none.gguf"}, "none.gguf"},
			{Request{Ref: url + "/summed.gguf", FromSource: true}, "cannot convert"},
			{Request{Ref: url + "/summed.gguf", SHA256: "abc"}, "invalid SHA-256"},
		} {
			if _, err := p.Plan(t.Context(), c.r); err == nil || !strings.Contains(err.Error(), c.what) {
				t.Errorf("%+v: %v", c.r, err)
			}
		}
	})
	t.Run("another hash", func(t *testing.T) {
		p := pullerInto(t, url, t.TempDir())
		plan := planned(t, p, Request{Ref: url + "/summed.gguf", SHA256: strings.Repeat("0", 64)})
		plan.Accept(noon)
		_, err := p.Run(t.Context(), plan, nil)
		if e, ok := errors.AsType[*fault.Error](err); !ok || e.Kind != fault.Damaged {
			t.Errorf("it says %v", err)
		}
	})
}
