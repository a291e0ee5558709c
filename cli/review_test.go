package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// TestReviewBreaksOff checks that what was found before a failure is told.
func TestReviewBreaksOff(t *testing.T) {
	var diff strings.Builder
	for _, name := range []string{"first.go", "second.go"} {
		fmt.Fprintf(&diff, "diff --git a/%s b/%s\nnew file mode 100644\n--- /dev/null\n+++ b/%s\n@@ -0,0 +1,200 @@\n", name, name, name)
		for i := range 200 {
			fmt.Fprintf(&diff, "+\tvalue := compute(%d, with, some, words)\n", i)
		}
	}
	answer := func(r enginetest.Request, _ int) enginetest.Reply {
		switch {
		case strings.Contains(r.Chat.Messages[0].Content.Plain(), "\nAnother reviewer has found "):
			return enginetest.Reply{enginetest.Text(`{"holds":null}`)}
		case strings.Contains(r.Text(), "=== first.go"):
			return enginetest.Reply{enginetest.Text(`{"findings":[{"file":"first.go","line":1,"code":"value := compute(7, with, some, words)","title":"seven is odd","confidence":80}]}`)}
		}
		return enginetest.Reply{enginetest.Fail{Err: &fault.Error{Kind: fault.Crashed, Msg: "the model crashed", Advice: "Try again."}}}
	}
	got := runBise(t, &enginetest.Script{Answer: answer}, diff.String(), "review", "--jobs", "1")
	if want := (ran{fault.ExitModel, "first.go:8: minor: seven is odd\n", "Not reviewed: second.go (the review ended before it).\nbise: the model crashed.\nTry again.\n"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	got = runBise(t, &enginetest.Script{Answer: answer}, diff.String(), "review", "--jobs", "1", "--json")
	if got.code != fault.ExitModel || !strings.Contains(got.stdout, `"type":"error","kind":"crashed"`) {
		t.Errorf("got %+v", got)
	}
}

func TestReviewRefusesInput(t *testing.T) {
	for _, tt := range []struct{ name, stdin, want string }{
		{"UTF-16", "\xff\xfed\x00", "no diff found"},
		{"too much", strings.Repeat("x", attach.MaxText+1), "cannot review standard input: more than 60 MB"},
		{"bytes", "\x00\x01\x02", "no diff found"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := enginetest.Says("ok")
			got := runBise(t, s, tt.stdin, "review")
			if got.code != fault.ExitUsage || got.stdout != "" || !strings.Contains(got.stderr, tt.want) {
				t.Errorf("got %+v", got)
			}
			if len(s.Requests()) > 0 {
				t.Error("the engine was asked")
			}
		})
	}
}
