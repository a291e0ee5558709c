package markdown

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	xansi "github.com/charmbracelet/x/ansi"
)

var update = flag.Bool("update", false, "rewrite the golden files")

const sample = `# How slices grow

Appending past the capacity allocates a **new array**, copies the old elements and returns a slice that points to it. The type is ` + "`[]int`" + `, or vector<int> elsewhere; see <https://go.dev/blog/slices-intro>.

1. Take a slice:
` + "```go" + `
s := make([]int, 0, 2)

s = append(s, 1, 2, 3) // cap is now 4, and this comment is long enough to pass forty and eighty columns
` + "```" + `
2. Append to it.

   A second paragraph of the item.

   - nested
   - items

3. Look at the capacity.

| capacity | grows by |
| --- | --- |
| up to 256 | the double |
| more | about a quarter and a constant that smooths the way there |

> Quoted, and long enough to be wrapped in a narrow terminal without losing its bar.

---

日本語のテキストも正しく折り返されます。絵文字 😀 も。

    indented

    code
## Tight heading
Last words`

func TestBlocks(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       []string
	}{
		{"paragraphs", "a\nb\n\nc", []string{"a\nb\n\n", "c"}},
		{"heading", "# a\nb", []string{"# a\n", "b"}},
		{"no heading", "#a\nb", []string{"#a\nb"}},
		{"setext", "a\n===\n\nb", []string{"a\n===\n\n", "b"}},
		{"loose list", "- a\n\n- b\n\nc", []string{"- a\n\n- b\n\n", "c"}},
		{"list with paragraph", "1. a\n\n   b\n\n2. c\n", []string{"1. a\n\n   b\n\n2. c\n"}},
		{"code", "a\n```go\n\nb\n```\nc", []string{"a\n", "```go\n\nb\n```\n", "c"}},
		{"longer fence", "````\n```\n\n````\nc", []string{"````\n```\n\n````\n", "c"}},
		{"tildes", "~~~\n```\n\n~~~\nc", []string{"~~~\n```\n\n~~~\n", "c"}},
		{"code in item", "- a\n  ```\n\n  b\n  ```\n- c\n\nd", []string{"- a\n  ```\n\n  b\n  ```\n- c\n\n", "d"}},
		{"code after item", "1. a\n```\nb\n```\n2. c", []string{"1. a\n", "```\nb\n```\n", "2. c"}},
		{"code span line", "```a``` b\nc", []string{"```a``` b\nc"}},
		{"indented code", "    a\n\n    b\n\nc", []string{"    a\n\n    b\n\n", "c"}},
		{"rule", "* * *\n\n  a", []string{"* * *\n\n", "  a"}},
		{"open code", "```\na\n\nb", []string{"```\na\n\nb"}},
		{"leading empty lines", "\n\na", []string{"a"}},
		{"nothing", "\n \n", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, step := range []int{1, 2, 1000} {
				if got := cut(tt.text, step); !slices.Equal(got, tt.want) {
					t.Errorf("in pieces of %d: %q, want %q", step, got, tt.want)
				}
			}
		})
	}
}

// cut gives the blocks of a text that comes in pieces of so many bytes.
func cut(text string, step int) []string {
	var b Blocks
	var got []string
	for piece := range slices.Chunk([]byte(text), step) {
		got = append(got, b.Add(string(piece))...)
	}
	return append(got, b.Rest()...)
}

func FuzzBlocks(f *testing.F) {
	f.Add(sample, 3)
	f.Add("- a\n ~~~\n\n1) b\n\t\tc\n~~~~", 1)
	f.Fuzz(func(t *testing.T, text string, step int) {
		if len(text) > 1<<12 || step < 1 {
			return
		}
		whole := cut(text, len(text)+1)
		if parts := cut(text, step); !slices.Equal(parts, whole) {
			t.Errorf("in pieces of %d: %q, in one: %q", step, parts, whole)
		}
		kept := strings.Join(strings.Fields(strings.Join(whole, " ")), " ")
		if all := strings.Join(strings.Fields(text), " "); kept != all && !strings.ContainsAny(text, "\v\f\u0085\u00a0") {
			t.Errorf("blocks hold %q of %q", kept, all)
		}
	})
}

func TestGolden(t *testing.T) {
	for _, columns := range []int{40, 80, 200} {
		t.Run(fmt.Sprint(columns), func(t *testing.T) {
			s := newScreen(columns, 24)
			p := NewPrinter(s, Dark, func() (int, int) { return columns, 24 })
			for _, r := range sample {
				if err := p.Print(string(r)); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", fmt.Sprintf("sample-%d.golden", columns))
			got := s.text()
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// However the text is cut, and however small the screen, what stays is each
// block drawn once.
func TestPrinterLeavesEachBlockOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, columns := range []int{12, 40, 80, 200} {
		for _, rows := range []int{2, 5, 24, 60} {
			r := Renderer{theme: Dark}
			var drawn []string
			for _, block := range cut(sample, len(sample)+1) {
				drawn = append(drawn, r.Block(block, columns))
			}
			want := newScreen(columns, rows)
			fmt.Fprint(want, strings.Join(drawn, "\n\n")+"\n")

			s := newScreen(columns, rows)
			p := NewPrinter(s, Dark, func() (int, int) { return columns, rows })
			for runes := []rune(sample); len(runes) > 0; {
				n := min(1+rng.IntN(20), len(runes))
				if err := p.Print(string(runes[:n])); err != nil {
					t.Fatal(err)
				}
				runes = runes[n:]
			}
			if err := p.Close(); err != nil {
				t.Fatal(err)
			}
			if s.text() != want.text() {
				t.Errorf("%d×%d: got\n%s\nwant\n%s", columns, rows, s.text(), want.text())
			}
		}
	}
}

func TestPrinterShowsWhatGrows(t *testing.T) {
	s := newScreen(20, 10)
	p := NewPrinter(s, Dark, func() (int, int) { return 20, 10 })
	for _, step := range []struct{ piece, want string }{
		{"Some **bo", "Some **bo"},
		{"ld** words that wrap", "Some **bold** words\nthat wrap"},
		{"\n\n", "Some **bold** words\nthat wrap"},
		{"next", "Some bold words that\nwrap\n\nnext"},
		{"\n\n```\nx := 1\n", "Some bold words that\nwrap\n\nnext\n\n```\nx := 1"},
	} {
		if err := p.Print(step.piece); err != nil {
			t.Fatal(err)
		}
		if got := s.text(); got != step.want {
			t.Errorf("after %q:\n%s\nwant\n%s", step.piece, got, step.want)
		}
	}
}

func TestGrowingTextIsNotRedrawn(t *testing.T) {
	var out strings.Builder
	p := NewPrinter(&out, Dark, func() (int, int) { return 80, 24 })
	for _, word := range []string{"one ", "two ", "three"} {
		if err := p.Print(word); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != "one two three" {
		t.Errorf("wrote %q", out.String())
	}
}

type brokenWriter struct{}

var errBroken = errors.New("broken")

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

func TestPrinterKeepsTheError(t *testing.T) {
	p := NewPrinter(brokenWriter{}, Dark, func() (int, int) { return 80, 24 })
	if err := p.Print("a"); !errors.Is(err, errBroken) {
		t.Errorf("Print: %v", err)
	}
	if err := p.Close(); !errors.Is(err, errBroken) {
		t.Errorf("Close: %v", err)
	}
}

func TestKeepTags(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"vector<int> and `map<K>`", `vector\<int> and ` + "`map<K>`"},
		{"``a ` <b>`` <c>", "``a ` <b>`` \\<c>"},
		{"<https://a.b> <mailto:a@b>", "<https://a.b> <mailto:a@b>"},
		{`\<b> ` + "`<open", `\<b> ` + "`\\<open"},
		{`end\`, `end\`},
	} {
		if got := keepTags(tt.in); got != tt.want {
			t.Errorf("keepTags(%q) = %q, want %q", tt.in, got, tt.want)
		}
		r := Renderer{theme: Dark}
		if strings.Contains(tt.in, "<int>") && !strings.Contains(xansi.Strip(r.Block(tt.in, 80)), "vector<int> and map<K>") {
			t.Errorf("drawn as %q", r.Block(tt.in, 80))
		}
	}
}

func BenchmarkPrinter(b *testing.B) {
	text := strings.Repeat(sample+"\n\n", 10)
	for b.Loop() {
		p := NewPrinter(newScreen(80, 24), Dark, func() (int, int) { return 80, 24 })
		for piece := range slices.Chunk([]byte(text), 4) {
			if err := p.Print(strings.ToValidUTF8(string(piece), "")); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(text)/4), "ns/piece")
}
