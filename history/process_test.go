package history

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/bise-sh/bise/engine"
)

// The test binary is also the other process: childEnv says what it does, and the
// path of the history is its argument. It says on stdout what it has written.
const childEnv = "BISE_HISTORY_TEST"

var children = map[string]func(ctx context.Context, s *Store) error{"stream": stream, "talk": talk}

func TestMain(m *testing.M) {
	do, ok := children[os.Getenv(childEnv)]
	if !ok {
		os.Exit(m.Run())
	}
	s, err := Open(os.Args[1])
	if err == nil {
		err = do(context.Background(), s)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// child starts the other process.
func child(t *testing.T, what, path string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], path)
	cmd.Env = append(os.Environ(), childEnv+"="+what)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

// kill ends a child as kill -9 does, and gives the last line that it said.
func kill(t *testing.T, cmd *exec.Cmd, lines *bufio.Scanner, last string) string {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // said before it was killed
		last = lines.Text()
	}
	_ = cmd.Wait()
	return last
}

func nth(n int) string { return fmt.Sprintf("w%d ", n) }

// stream writes an answer without end, and says after each word how many there are.
func stream(ctx context.Context, s *Store) error {
	c, err := s.Start(ctx, "chat", "m")
	if err != nil {
		return err
	}
	r, err := s.Begin(ctx, Message{Conversation: c.ID, Message: engine.Message{Role: engine.Assistant}})
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		if err := r.Record(engine.TextDelta{Text: nth(n)}); err != nil {
			return err
		}
		fmt.Println(c.ID, n)
	}
}

func TestKilledWhileStreaming(t *testing.T) {
	s := openTest(t)
	for _, after := range []int{1, 2, 17, 150} {
		cmd, lines := child(t, "stream", s.path)
		last := ""
		for range after {
			if !lines.Scan() {
				t.Fatal("the child ended")
			}
			last = lines.Text()
		}
		var id int64
		var n int
		if _, err := fmt.Sscan(kill(t, cmd, lines, last), &id, &n); err != nil {
			t.Fatal(err)
		}
		got := leaf(t, s, id)
		text := got.Content.Plain()
		have := strings.Count(text, " ")
		var want strings.Builder
		for i := range have {
			want.WriteString(nth(i + 1))
		}
		// Beyond what it said there may be the one that it was about to say.
		if text != want.String() || have < n || have > n+1 || got.State != Streaming {
			t.Errorf("%d words were said to be written, and %d are: %.60q, %v", n, have, text, got.State)
		}
		// Whoever goes on with it loses nothing.
		r, err := s.Continue(t.Context(), got.ID)
		if err != nil {
			t.Fatal(err)
		}
		take(t, r, engine.TextDelta{Text: "end"}, engine.Finish{Reason: engine.FinishStop})
		end(t, r)
		if got := leaf(t, s, id); got.Content.Plain() != text+"end" || got.State != Complete {
			t.Errorf("continued: %.60q", got.Content.Plain())
		}
	}
}

// talk holds conversations without end, and says which question it has asked and
// which answer it has whole.
func talk(ctx context.Context, s *Store) error {
	c, err := s.Start(ctx, "chat", "m")
	if err != nil {
		return err
	}
	parent := int64(0)
	for n := 1; ; n++ {
		if err := s.SaveDraft(ctx, c.ID, "question "+strconv.Itoa(n)); err != nil {
			return err
		}
		q, err := s.Add(ctx, Message{Conversation: c.ID, Parent: parent, Message: say(engine.User, "question "+strconv.Itoa(n))})
		if err != nil {
			return err
		}
		r, err := s.Begin(ctx, Message{Conversation: c.ID, Parent: q.ID, Message: engine.Message{Role: engine.Assistant}})
		if err != nil {
			return err
		}
		for _, e := range []engine.Event{engine.TextDelta{Text: "answer "}, engine.TextDelta{Text: strconv.Itoa(n)}, engine.Finish{Reason: engine.FinishStop}} {
			if err := r.Record(e); err != nil {
				return err
			}
		}
		if err := r.Close(); err != nil {
			return err
		}
		parent = r.Message()
		fmt.Println(c.ID, n)
	}
}

// TestKilledWhileTalking kills at other moments: between a question and its answer,
// while an answer is joined. Meanwhile another process reads.
func TestKilledWhileTalking(t *testing.T) {
	s := openTest(t)
	for _, after := range []int{1, 3, 20} {
		cmd, lines := child(t, "talk", s.path)
		last := ""
		for range after {
			if !lines.Scan() {
				t.Fatal("the child ended")
			}
			last = lines.Text()
			if _, err := s.List(t.Context(), Conversation{}, 10); err != nil {
				t.Error(err)
			}
		}
		var id int64
		var n int
		if _, err := fmt.Sscan(kill(t, cmd, lines, last), &id, &n); err != nil {
			t.Fatal(err)
		}
		path, err := s.Path(t.Context(), id)
		if err != nil || len(path) < 2*n || len(path) > 2*n+2 {
			t.Fatalf("%d messages after %d turns, %v", len(path), n, err)
		}
		for i, m := range path[:2*n] {
			want := "question " + strconv.Itoa(i/2+1)
			if i%2 == 1 {
				want = "answer " + strconv.Itoa(i/2+1)
			}
			if m.Content.Plain() != want || m.State != Complete {
				t.Errorf("message %d: %q, %v", i, m.Content.Plain(), m.State)
			}
		}
		var ok string
		if err := s.write.QueryRow("PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
			t.Errorf("integrity: %s, %v", ok, err)
		}
		if _, err := s.write.Exec("INSERT INTO words (words) VALUES ('integrity-check')"); err != nil {
			t.Errorf("index: %v", err)
		}
		said(t, s, id, path[len(path)-1].ID, engine.User, "it goes on")
	}
}

// TestWritersOfSeveralProcesses has processes and goroutines write at once.
func TestWritersOfSeveralProcesses(t *testing.T) {
	s := openTest(t)
	const turns = 25
	var all sync.WaitGroup
	for range 2 {
		cmd, lines := child(t, "talk", s.path)
		all.Go(func() {
			last := ""
			for range turns {
				if !lines.Scan() {
					t.Error("a process ended before it was told to")
					return
				}
				last = lines.Text()
			}
			_ = cmd.Process.Kill()
			_, _ = io.WriteString(t.Output(), last+"\n")
		})
	}
	ids := make([]int64, 4)
	for i := range ids {
		ids[i] = started(t, s).ID
		all.Go(func() {
			parent := int64(0)
			for n := range turns {
				m, err := s.Add(t.Context(), Message{Conversation: ids[i], Parent: parent, Message: say(engine.User, strconv.Itoa(n))})
				if err != nil {
					t.Error(err)
					return
				}
				parent = m.ID
				if _, err := s.Search(t.Context(), "question", 5); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	for _, id := range ids {
		if p, err := s.Path(t.Context(), id); err != nil || len(p) != turns {
			t.Errorf("conversation %d has %d messages, %v", id, len(p), err)
		}
	}
	if n := rows(t, s, "messages"); n < 4*turns+2*2*turns {
		t.Errorf("%d messages", n)
	}
}
