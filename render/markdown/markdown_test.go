package markdown

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	xansi "github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/bise-sh/bise/render/term"
)

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
			golden.RequireEqual(t, s.text())
		})
	}
}

// However the text is cut, and however small the screen, what stays is each
// block drawn once.
func TestPrinterLeavesEachBlockOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, columns := range []int{12, 40, 80, 200} {
		for _, rows := range []int{2, 5, 24, 60} {
			r := NewRenderer(Dark)
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

func TestBlock(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		columns  int
		want     string // without styles
	}{
		{"tags", "vector<int> and `map<K>` <br> <https://a.b>", 80, "vector<int> and map<K> <br> https://a.b"},
		{"html block", "<div>\nx\n</div>", 80, "<div> x </div>"},
		{"mathematics among escapes", `\(x_1 \cdot y_2\) but \* and \_`, 80, `x₁ · y₂ but * and _`},
		{"one tilde", "3~5 and 10~20, ~/bin and ~x~; ~~~not~~~", 80, "3~5 and 10~20, ~/bin and ~x~; ~~~not~~~"},
		{"breaks in a cell", "| a | b |\n|--|--:|\n| Ann<br>Ben<BR /> Cid | `<br>` \\<br> |\n| x | <br>y |", 80, "a            b\n──────────────\nAnn  <br> <br>\nBen\nCid\nx            y"},
		{"tab stops", "```\nname\tqty\nfig\t12\nraspberry\t3\n```", 80, "  name            qty\n  fig             12\n  raspberry       3"},
		{"indented with tabs", "```go\nif x {\n\ty()\n}\n```", 80, "  if x {\n      y()\n  }"},
		{"hard break", "a  \nb\\\nc\nd", 80, "a\nb\nc d"},
		{"entities", "a &amp; b &lt;", 80, "a & b <"},
		{"entities that command", "a&#27;b&#27;&#91;31mc&#8;", 80, "ac"},
		{"escape in code", "```\na\x1b[31mb\n```", 80, "  ab"},
		{
			"loose list", "1. **Title**\n\n   Explanation that is long.\n\n2. two\n", 20,
			"1. Title\n\n   Explanation that\n   is long.\n\n2. two",
		},
		{"tight list", "- one that is long\n- two\n  - three that is long\n", 12, "• one that\n  is long\n• two\n  • three that\n    is long"},
		{"numbers", "9. nine\n10. ten", 80, " 9. nine\n10. ten"},
		{"code in list", "- a\n\n  ```go\n  x := 1\n\n  y := 2\n  ```\n", 80, "• a\n\n    x := 1\n\n    y := 2"},
		{"tasks", "- [x] done\n- [ ] not", 80, "• [✓] done\n• [ ] not"},
		{"quote", "> words that are wrapped\n>\n> - a", 12, "│ words that\n│ are\n│ wrapped\n│\n│ • a"},
		{"link", "[text](http://a.b) [http://a.b](http://a.b) ![cat](c.png)", 80, "text (http://a.b) http://a.b Picture: cat (c.png)"},
		{"table", "| a | number |\n|:--|--:|\n| `x` | **2** |\n| long words | 10 |", 80, "a           number\n──────────────────\nx                2\nlong words      10"},
		{"narrow table", "| a | b |\n|-|:-:|\n| some long words | x |", 10, "a        b\n──────────\nsome     x\nlong\nwords"},
		{"empty item", "-\n- a", 80, "•\n• a"},
		{"empty code", "```\n```", 80, ""},
		{"rule", "---", 80, "────────"},
		{"long word", "aaaaaaaaaaaaaaa", 10, "aaaaaaaaaa\naaaaa"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := NewRenderer(Dark).Block(tt.in, tt.columns)
			var plain []string
			for _, line := range strings.Split(xansi.Strip(got), "\n") {
				plain = append(plain, strings.TrimRight(line, " "))
			}
			if got := strings.Join(plain, "\n"); got != tt.want {
				t.Errorf("drawn as\n%s\nwant\n%s", got, tt.want)
			}
		})
	}
}

func TestStyles(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"plain", "plain"},
		{"**b** *i* ~~g~~", "\x1b[1mb\x1b[m \x1b[3mi\x1b[m \x1b[9mg\x1b[m"},
		{"~~**「削除」**~~です", "\x1b[1;9m「削除」\x1b[mで\nす"},
		{"~~g~~~", "~~g~~~"},
		{"***both***", "\x1b[1;3mboth\x1b[m"},
		{"`code`", "\x1b[38;2;255;176;0mcode\x1b[m"},
		{"# Title", "\x1b[1;38;2;255;176;0mTitle\x1b[m"},
		{"> **bold words here**", "\x1b[38;2;138;138;138m│ \x1b[m\x1b[1mbold words\x1b[m\n\x1b[38;2;138;138;138m│ \x1b[m\x1b[1mhere\x1b[m"},
		{"```go\n// a\n```", "  \x1b[38;2;123;120;102m// a\x1b[m"},
	} {
		if got := NewRenderer(Dark).Block(tt.in, 10); got != tt.want {
			t.Errorf("%q is drawn as\n%q\nwant\n%q", tt.in, got, tt.want)
		}
	}
}

// Chinese, Japanese and Korean have no spaces around emphasis, so the marks that it
// begins or ends with stand beside letters.
func TestEmphasisInCJK(t *testing.T) {
	for _, text := range []string{
		"这是**“重要”**的。", "**「重要」**です", "これは**「重要」**です", "**重要：**请看", "是**（注）**吗", "**テスト。**テスト", "이것은 **스크립트(script)**이라고", "中**`code`**文",
		"请参阅**[文档](https://a.b)**了解", "**『a』**と**『b』**", "**ﾊﾝｶｸ｡**ﾊﾝ",
	} {
		if got := NewRenderer(Dark).Block(text, 80); strings.Contains(got, "*") || !strings.Contains(got, "\x1b[1") {
			t.Errorf("%q is drawn as %q", text, got)
		}
	}
	for _, text := range []string{"a * b * c", "2 ** 3 ** 4", "变量 snake_case_name", "中 ** 文 ** 中", `a**"b"**c`, "中文_名字_中文"} {
		if got := xansi.Strip(NewRenderer(Dark).Block(text, 80)); got != text {
			t.Errorf("%q is drawn as %q", text, got)
		}
	}
}

// ours finds the control sequences that a drawn block can have: styles and links.
var ours = regexp.MustCompile(`\x1b\[[0-9;]*m|\x1b\]8;;[!-~]*\x1b\\`)

func FuzzBlock(f *testing.F) {
	f.Add(sample, 40)
	f.Add("a&#27;]0;x&#7;\n\n> 1. - * a\n\n|a|\n|-|\n|b|c|\n```go\n\x1b[2J", 12)
	f.Add(hostile, 40)
	styles := allStyles(f)
	names := slices.Sorted(maps.Keys(styles))
	f.Fuzz(func(t *testing.T, text string, columns int) {
		if len(text) > 1<<11 {
			return
		}
		r := NewRenderer(styles[names[uint(columns)%uint(len(names))]])
		r.Links = true
		out := ours.ReplaceAllString(r.Block(text, columns), "")
		if out != term.Clean(out) || strings.ContainsAny(out, "\x1b\t") {
			t.Errorf("%q is drawn as %q", text, out)
		}
	})
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
