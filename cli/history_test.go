package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/history"
)

// told is a request's messages in a line.
func told(r engine.ChatRequest) string {
	var all []string
	for _, m := range r.Messages {
		all = append(all, string(m.Role)+": "+m.Content.Plain())
	}
	return strings.Join(all, " | ")
}

// lastKept reads the conversation that was last kept.
func lastKept(t *testing.T) (history.Conversation, []history.Message) {
	t.Helper()
	s, err := history.Open(filepath.Join(config.Find().Data, "history.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list, err := s.List(t.Context(), history.Conversation{}, 1)
	if err != nil || len(list) != 1 {
		t.Fatalf("%v, %v", list, err)
	}
	path, err := s.Path(t.Context(), list[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return list[0], path
}

func TestAskContinues(t *testing.T) {
	says := func(steps ...enginetest.Step) *enginetest.Script {
		return &enginetest.Script{Replies: []enginetest.Reply{steps}}
	}
	runBise(t, says(enginetest.Thinking("hm"), enginetest.Text("It doubles.")), "", "ask", "--system", "Be brief.", "How does a slice grow?")
	dies := says(enginetest.Emit{Event: engine.Progress{Done: 1, Total: 2}}, enginetest.Fail{Err: &fault.Error{Kind: fault.Crashed, Msg: "it died"}})
	runBise(t, dies, "", "ask", "-c", "and a map?") // is not answered
	s := says(enginetest.Text("By hashing."))
	if got := runBise(t, s, "", "ask", "-c", "And how does a map?"); got.code != 0 || got.stdout != "By hashing.\n" {
		t.Errorf("got %+v", got)
	}
	want := "system: Be brief. | user: How does a slice grow? | assistant: It doubles. | user: And how does a map?"
	if got := told(asked(t, s)); got != want {
		t.Errorf("the model is told\n%s, want\n%s", got, want)
	}
	c, path := lastKept(t)
	if c.Title != "How does a slice grow?" || c.System != "Be brief." || len(path) != 4 || len(path[2].Versions) != 2 || path[3].State != history.Complete {
		t.Errorf("kept: %+v %+v", c, path)
	}
	m := path[1].Measured
	if m.Model != s.Info().Model || m.Finish != engine.FinishStop || m.Usage.CompletionTokens == 0 {
		t.Errorf("measured %+v", m)
	}
}

func TestAskKeepsWhatIsAttached(t *testing.T) {
	dir := t.TempDir()
	file, picture := filepath.Join(dir, "a.go"), filepath.Join(dir, "a.png")
	write(t, file, "package a\n")
	write(t, picture, string(pngFile(t, 8, 4)))
	for _, tt := range []struct {
		name, stdin string
		args        []string
		want        string // the names of what is attached, by chunk
	}{
		{"nothing", "", []string{"hi"}, `[]`},
		{"all kinds", "piped", []string{"-f", file, "-i", picture, "hi"}, `[{"chunk":0,"name":"` + picture + `"},{"chunk":1,"name":"` + file + `"},{"chunk":2,"name":""}]`},
		{"piped alone", "the question", nil, `[]`},
		{"a file alone", "", []string{"-f", file}, `[{"chunk":0,"name":"` + file + `"}]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := enginetest.Says("ok")
			if got := runBise(t, s, tt.stdin, append([]string{"ask"}, tt.args...)...); got.code != 0 {
				t.Fatalf("got %+v", got)
			}
			_, path := lastKept(t)
			got, err := json.Marshal(append([]history.Attachment{}, path[0].Attached...))
			if err != nil || string(got) != tt.want {
				t.Errorf("attached %s, want %s", got, tt.want)
			}
			if sent := asked(t, s).Messages[0].Content; sent.Plain() != path[0].Content.Plain() || len(sent) != len(path[0].Content) {
				t.Errorf("kept %+v, sent %+v", path[0].Content, sent)
			}
		})
	}
}

// TestAskKeepsWhatCame ends an answer before its end, as head does.
func TestAskKeepsWhatCame(t *testing.T) {
	s := enginetest.Says("so far", " and on")
	var stderr strings.Builder
	testPlaces(t)
	code := run([]string{"ask", "hi"}, strings.NewReader(""), deafWriter{}, &stderr, engines{load: loadHere, open: always(s)})
	if code != fault.ExitOK || stderr.String() != "" {
		t.Fatalf("code %d, stderr %q", code, stderr.String())
	}
	_, path := lastKept(t)
	if len(path) != 2 || path[1].Content.Plain() != "so far" || path[1].State != history.Stopped {
		t.Errorf("kept %+v", path)
	}
}

// deafWriter is a pipe that nobody reads.
type deafWriter struct{}

func (deafWriter) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// TestAskKeepsNothingOfWhatIsRefused asks more than the context holds: a history
// is not even made.
func TestAskKeepsNothingOfWhatIsRefused(t *testing.T) {
	s := &enginetest.Script{Replies: []enginetest.Reply{{enginetest.Fail{Err: engine.ErrTooLong(50_000_000, 4096)}}}}
	if got := runBise(t, s, strings.Repeat("too long ", 1_000_000), "ask", "what is it?"); got.code != fault.ExitModel {
		t.Fatalf("got %+v", got)
	}
	if found, err := filepath.Glob(filepath.Join(os.Getenv("XDG_DATA_HOME"), "bise", "*")); err != nil || len(found) != 0 {
		t.Errorf("found %v, %v", found, err)
	}
}
