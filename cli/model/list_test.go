package model

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/engine/worker"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
)

func TestModelTable(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	list := []library.Installed{
		{
			Model: models.Model{Name: "codestral", Size: 13.3e9, Used: now.Add(-2 * time.Hour), Origin: models.Installed},
			Type:  "Q4_K_M", Can: []string{"fim"}, Terms: library.Terms(models.Agreement{ID: "MNPL-0.1"}),
		},
		{
			Model: models.Model{Name: "ministral-3-3b", Size: 2.15e9, Used: now.Add(-time.Hour), Origin: models.Installed},
			Type:  "Q4_K_M", Can: []string{"chat", "vision", "tools"}, Terms: library.Terms(models.Agreement{ID: "Apache-2.0"}),
			State: worker.Answering, Workers: []worker.Status{{}},
		},
	}
	con := console.New(strings.NewReader(""), &strings.Builder{}, &strings.Builder{})
	text := func() string {
		var b strings.Builder
		if err := modelTable(con, list, now).Write(&b, 0); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	want := `NAME            TYPE    SIZE     LICENCE     USED         CAN
codestral       Q4_K_M  13.3 GB  MNPL ⚠      2 hours ago  code
ministral-3-3b  Q4_K_M  2.15 GB  Apache-2.0  now, loaded  chat vision tools
`
	if got := text(); got != want {
		t.Errorf("got\n%s", got)
	}
	list = append(list,
		library.Installed{Model: models.Model{Name: "mistral:7b", Size: 4.4e9, Origin: models.Cached, Program: "Ollama"}, State: worker.Idle, Workers: []worker.Status{{}}},
		library.Installed{Model: models.Model{Name: "mine", Size: 4.4e9, Origin: models.Registered, Path: "/weights/mine.gguf", Problem: errors.New("its file is gone")}},
	)
	want = `NAME            TYPE    SIZE     LICENCE     USED         CAN                WHERE
codestral       Q4_K_M  13.3 GB  MNPL ⚠      2 hours ago  code
ministral-3-3b  Q4_K_M  2.15 GB  Apache-2.0  now, loaded  chat vision tools
mistral:7b      –       4.4 GB   –           –, loaded    –                  Ollama
mine            –       4.4 GB   –           –            cannot be used     /weights/mine.gguf
`
	if got := text(); got != want {
		t.Errorf("got\n%s", got)
	}
}

func TestShownLicence(t *testing.T) {
	accepted := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		terms models.Agreement
		want  string
	}{
		{models.Agreement{ID: "MNPL-0.1", Accepted: accepted}, "Mistral AI Non-Production License, no commercial use, no use in production, accepted 24 November 2026, https://mistral.ai/licenses/MNPL-0.1.md"},
		{models.Agreement{ID: "other", Name: "mrl"}, "Mistral Research License, no commercial use, https://mistral.ai/licenses/MRL-0.1.md"},
		{models.Agreement{ID: "apache-2.0"}, "Apache License 2.0, https://www.apache.org/licenses/LICENSE-2.0"},
		{models.Agreement{}, ""},
	} {
		s := library.NewProvenance(models.Model{}, nil, tt.terms)
		if got := s.LicenceText(); got != tt.want {
			t.Errorf("%+v is %q", tt.terms, got)
		}
	}
}
