package system

import (
	"strings"
	"testing"
	"time"

	"github.com/bise-sh/bise/engine/worker"
)

func TestWorkerTable(t *testing.T) {
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	table := workerTable([]worker.Status{
		{Name: "ministral-3-3b", PID: 41872, Memory: 2_900_000_000, ContextUsed: 4100, Context: 32000, State: worker.Answering, Requests: 2},
		{Name: "codestral", PID: 41990, Memory: 14_200_000_000, Context: 16000, State: worker.Idle, LeavesAt: now.Add(7 * time.Minute)},
		{Name: "日本", PID: 7, State: worker.Loading, Loaded: 0.5},
	}, now)
	for columns, want := range map[int]string{
		0: `MODEL           PID    MEMORY   CONTEXT      STATE         LEAVES IN
ministral-3-3b  41872  2.9 GB   4.1k of 32k  answering 2   –
codestral       41990  14.2 GB  0 of 16k     idle          7 min
日本            7      –        –            loading 50 %  –
`,
		30: `MODEL           PID    MEMORY…
ministral-3-3b  41872  2.9 GB…
codestral       41990  14.2 G…
日本            7      –     …
`,
	} {
		var b strings.Builder
		if err := table.Write(&b, columns); err != nil {
			t.Fatal(err)
		}
		equal(t, "table", b.String(), want)
	}
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s is %v, want %v", what, got, want)
	}
}
