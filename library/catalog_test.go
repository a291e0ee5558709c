package library

import (
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/models/catalog"
	"github.com/bise-sh/bise/models/fit"
)

func TestMachineLine(t *testing.T) {
	for _, c := range []struct {
		h    fit.Machine
		want string
	}{
		{fit.Machine{Memory: 16e9, Free: 98e8}, "16 GB memory, 9.8 free · "},
		{fit.Machine{Memory: 16e9, Free: 98e8}, " · no GPU"},
		{fit.Machine{Memory: 16e9, Free: 9e8}, "900 MB free"},
		{fit.Machine{Cores: 8}, " · 8 cores · "},
		{fit.Machine{GPUs: []fit.Device{{Name: "NVIDIA H100", Total: 80e9}}}, " · NVIDIA H100 with 80 GB"},
	} {
		if got := MachineLine(c.h); !strings.Contains(got, c.want) {
			t.Errorf("%q lacks %q", got, c.want)
		}
	}
}

// Every model of the catalogue either can be fitted or says where else it runs.
func TestEveryModelHasAnAnswer(t *testing.T) {
	l := New(Options{})
	for _, m := range catalog.Embedded().All() {
		err := l.CheckRunnable(m)
		if m.Local() {
			if err != nil {
				t.Errorf("%s: %v", m.Name, err)
			}
			f := Fit{Machine: fit.Machine{Memory: 16e9, Free: 9.8e9}}
			if err := l.fitCatalogued(&f, m, "", engine.LoadOptions{}); err != nil || f.Best == nil || f.Pull == "" {
				t.Errorf("%s: %v", m.Name, err)
			}
			continue
		}
		if fault.KindOf(err) != fault.Unsupported {
			t.Errorf("%s: %v", m.Name, err)
		} else if _, hint := fault.Explain(err); !strings.HasSuffix(hint, ".") {
			t.Errorf("%s: %v, and then? %q", m.Name, err, hint)
		}
	}
}
