package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/engine/enginetest"
	"github.com/bise-sh/bise/fault"
)

// embedder is a script with a context of n tokens, a byte each.
func embedder(n int) *enginetest.Script {
	return &enginetest.Script{About: engine.Info{ContextLength: n, EmbeddingSize: 4}}
}

func TestEmbedInput(t *testing.T) {
	long := strings.Repeat("abc ", 20)
	for _, tt := range []struct {
		name, stdin string
		args        []string
		indexes     []int
		code        int
		stderr      string
	}{
		{"lines", "one\n\n three \r\nfour", nil, []int{0, 2, 3}, 0, ""},
		{"mark", "\ufeffone\n", nil, []int{0}, 0, ""},
		{"UTF-16", "\xff\xfeo\x00\n\x00t\x00\n\x00", nil, []int{0, 1}, 0, ""},
		{"Windows-1252", "d'un \xe9t\xe9 qui passe\n\xe0 l'\xe9t\xe9\n\xe9t\xe9\n", nil, []int{0, 1, 2}, 0, "line 1 is not UTF-8: it was read as Windows-1252.\n"},
		{"binary", "abc\x00def\n", nil, nil, fault.ExitUsage, "standard input is not text: byte 4 is zero"},
		{"junk", "\xff\xfd\xfc\xfb\xfa", nil, nil, fault.ExitUsage, "5 of its 5 bytes are not UTF-8"},
		{"binary later", strings.Repeat("a text\n", 1<<14) + "abc\x00", nil, nil, fault.ExitUsage, fmt.Sprintf("line %d is not text: byte 4 is zero", 1<<14+1)},
		{"blank", " \n\n", nil, nil, fault.ExitUsage, "no text to embed"},
		{"too long", "a\nb\n" + long + "\nc\n", nil, []int{0, 1}, fault.ExitModel, "line 3 has 62 tokens and the context holds 20"},
		{"cut", "a\n" + long + "\nc\n", []string{"--truncate"}, []int{0, 1, 2}, 0, ""},
		{"dimension", "a\n", []string{"--dimension", "9"}, nil, fault.ExitUsage, "invalid --dimension 9: the vectors of script have 4 components"},
		{"long query", "a\n", []string{"--similarity", long}, nil, fault.ExitModel, "the text of --similarity has 62 tokens"},
		{"long pair", "", []string{"--similarity", long, "--similarity", "b"}, nil, fault.ExitModel, "a text of --similarity has 62 tokens"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := runBise(t, embedder(20), tt.stdin, append([]string{"embed"}, tt.args...)...)
			if got.code != tt.code || !strings.Contains(got.stderr, tt.stderr) || tt.stderr == "" && got.stderr != "" {
				t.Errorf("code %d, want %d; stderr %q, want %q", got.code, tt.code, got.stderr, tt.stderr)
			}
			if tt.name == "binary later" {
				return // the lines before are embedded
			}
			var indexes []int
			for line := range strings.Lines(got.stdout) {
				indexes = append(indexes, indexOf(t, line))
			}
			if fmt.Sprint(indexes) != fmt.Sprint(tt.indexes) {
				t.Errorf("got the indexes %v, want %v", indexes, tt.indexes)
			}
		})
	}
}

// indexOf is the index in a line of output.
func indexOf(t *testing.T, line string) int {
	t.Helper()
	var v struct {
		Index     int
		Embedding []float32
	}
	if err := json.Unmarshal([]byte(line), &v); err != nil || len(v.Embedding) != 4 {
		t.Fatalf("%v: %s", err, line)
	}
	return v.Index
}

// Several texts are sent at once, and come back in their order.
func TestEmbedSendsSeveralTexts(t *testing.T) {
	var stdin strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&stdin, "text %d\n", i)
	}
	s := embedder(100)
	got := runBise(t, s, stdin.String(), "embed")
	if got.code != 0 || got.stderr != "" {
		t.Fatalf("got %+v", got)
	}
	n := 0
	for line := range strings.Lines(got.stdout) {
		if i := indexOf(t, line); i != n {
			t.Fatalf("line %d has the index %d", n, i)
		}
		n++
	}
	requests := s.Requests()
	if n != 1000 || len(requests[0].Embed.Input) != 8 || len(requests) > 1000/8 {
		t.Errorf("%d texts came back from %d requests, the first of %d texts", n, len(requests), len(requests[0].Embed.Input))
	}
}

// A program can write a line and read its vector before it writes the next.
func TestEmbedAnswersAtOnce(t *testing.T) {
	testPlaces(t)
	stdin, write := io.Pipe()
	read, stdout := io.Pipe()
	code := make(chan int)
	go func() {
		code <- run([]string{"embed"}, stdin, stdout, io.Discard, engines{load: loadHere, open: always(embedder(100))})
		stdout.Close()
	}()
	in := bufio.NewReader(read)
	for i := range 3 {
		fmt.Fprintln(write, "text")
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if got := indexOf(t, line); got != i {
			t.Errorf("line %d has the index %d", i, got)
		}
	}
	write.Close()
	if got := <-code; got != 0 {
		t.Errorf("exit code %d", got)
	}
}

// A ranking keeps the best of many texts, those of equal score in their order.
func TestEmbedTop(t *testing.T) {
	stdin := strings.Repeat("no\n", 50) + "yes\n" + strings.Repeat("no\n", 50) + "yes\n"
	got := runBise(t, embedder(100), stdin, "embed", "--similarity", "yes", "--top", "3", "--json")
	if lines := strings.Split(got.stdout, "\n"); got.code != 0 || len(lines) != 4 ||
		!strings.Contains(lines[0], `"index":50,"text":"yes"`) || !strings.Contains(lines[1], `"index":101,`) || !strings.Contains(lines[2], `"index":0,"text":"no"`) {
		t.Errorf("got %+v", got)
	}
}
