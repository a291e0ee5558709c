package attach

import (
	"bytes"
	"fmt"
	"os/exec"
	"reflect"
	"strings"
	"testing"

	"github.com/bise-sh/bise/fault"
)

func TestParsePages(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want []Range
	}{
		{"3", []Range{{3, 3}}},
		{"1-4", []Range{{1, 4}}},
		{"2, 5-7,9-", []Range{{2, 2}, {5, 7}, {9, 0}}},
		{"", nil},
		{"0", nil},
		{"-3", nil},
		{"4-2", nil},
		{"1,", nil},
		{"a-b", nil},
		{"1-2-3", nil},
		{"99999999999999999999", nil},
	} {
		got, err := ParsePages(tt.in)
		if (err == nil) != (tt.want != nil) || !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q: %v, %v, want %v", tt.in, got, err, tt.want)
		}
	}
}

func TestChosenPages(t *testing.T) {
	for _, tt := range []struct {
		list []Range
		of   int
		want string // of the numbers, or in the error
	}{
		{nil, 3, "[1 2 3]"},
		{nil, 100, "[1 2 3 4 5 6 7 8]"},
		{[]Range{{2, 2}, {4, 0}}, 5, "[2 4 5]"},
		{[]Range{{2, 9}}, 5, "it has no page 9"},
		{[]Range{{9, 0}}, 5, "it has no page 9"},
		{[]Range{{1, 65}}, 100, "65 pages are more than the 64 of one request"},
		{[]Range{{1, 1 << 40}}, 100, "it has no page 1099511627776"},
	} {
		got, err := chosenPages("a.pdf", tt.list, tt.of)
		text := fmt.Sprint(got)
		if err != nil {
			text = err.Error()
		}
		if !strings.Contains(text, tt.want) {
			t.Errorf("%v of %d: %s, want %s", tt.list, tt.of, text, tt.want)
		}
	}
}

// document is a PDF of pages of 200×100 points, with a red field on each.
func document(pages int) []byte {
	var b bytes.Buffer
	var offsets []int
	object := func(format string, args ...any) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(offsets), fmt.Sprintf(format, args...))
	}
	b.WriteString("%PDF-1.4\n")
	object("<</Type/Catalog/Pages 2 0 R>>")
	var kids strings.Builder
	for i := range pages {
		fmt.Fprintf(&kids, "%d 0 R ", 4+i)
	}
	object("<</Type/Pages/Count %d/Kids[%s]>>", pages, kids.String())
	const content = "1 0 0 rg 20 20 100 50 re f"
	object("<</Length %d>>stream\n%s\nendstream", len(content), content)
	for range pages {
		object("<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 3 0 R>>")
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, o := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", o)
	}
	fmt.Fprintf(&b, "trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, at)
	return b.Bytes()
}

func TestPages(t *testing.T) {
	if _, err := exec.LookPath("pdftoppm"); err != nil {
		t.Skip("Poppler is not installed: ", err)
	}
	pictures, of, err := Pages(t.Context(), "a.pdf", document(3), []Range{{2, 3}})
	if err != nil || of != 3 || len(pictures) != 2 {
		t.Fatalf("%d pages of %d, %v", len(pictures), of, err)
	}
	p := pictures[0]
	if p.Name != "a.pdf, page 2" || p.Format != "PDF" || p.Width != pagePixels || p.Height != pagePixels/2 {
		t.Errorf("it is %q %s %d×%d", p.Name, p.Format, p.Width, p.Height)
	}
	if c := p.Thumb.RGBAAt(p.Thumb.Rect.Dx()*3/10, p.Thumb.Rect.Dy()/2); c.R < 200 || c.G > 50 {
		t.Errorf("the red field is %v", c)
	}
	for name, data := range map[string][]byte{"cut off": document(2)[:60], "not one": []byte("%PDF-1.4 nothing else")} {
		if _, _, err := Pages(t.Context(), "a.pdf", data, nil); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := Pages(t.Context(), "a.pdf", document(2), []Range{{3, 3}}); err == nil || !strings.Contains(err.Error(), "it has no page 3") {
		t.Errorf("a page that is not there: %v", err)
	}
}

func TestPagesWithoutPoppler(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, _, err := Pages(t.Context(), "a.pdf", document(1), nil)
	if err == nil || !strings.Contains(err.Error(), "cannot read a.pdf: pdfinfo is not installed") {
		t.Errorf("%v", err)
	}
}

func FuzzParsePages(f *testing.F) {
	f.Add("1-3,5,7-")
	f.Fuzz(func(t *testing.T, s string) {
		list, err := ParsePages(s)
		if err != nil {
			return
		}
		for _, r := range list {
			if r.First < 1 || r.Last != 0 && r.Last < r.First {
				t.Errorf("%q: %v", s, list)
			}
		}
	})
}
