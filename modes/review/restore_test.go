package review

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/bise-sh/bise/modes/review/diff"
)

func TestRestore(t *testing.T) {
	for _, tt := range []struct {
		name           string
		old, new, want string // lines joined by newlines; want is "none" without a suggestion
	}{
		{"Latin-1 before and after", "\xa0q = \"caf\xe9\"  # BUG \xfc", "\ufffdq = \"caf\ufffd\"  # OK \ufffd", "\xa0q = \"caf\xe9\"  # OK \xfc"},
		{"a run of bytes", "\xe4\xf6\xfc bad", "\ufffd good", "\xe4\xf6\xfc good"},
		{"the bytes are dropped", "caf\xe9 bad", "cafe good", "none"},
		{"the bytes are guessed", "caf\xe9 bad", "café good", "none"},
		{"the bytes move", "\xe9 bad", "good \ufffd", "none"},
		{"new text that needs an encoding", "caf\xe9 bad", "caf\ufffd für", "none"},
		{"a replacement character of the model's", "bad", "go\ufffdod", "none"},
		{"one that was there", "x\ufffdbad", "x\ufffdgood", "x\ufffdgood"},
		{"several lines", "caf\xe9\nbad\n\xfcber", "caf\ufffd\ngood\n\ufffdber", "caf\xe9\ngood\n\xfcber"},
		{"an inserted line", "caf\xe9\nb", "caf\ufffd\nnew\nb", "caf\xe9\nnew\nb"},
		{"other lines than before", "caf\xe9 bad\nb", "caf\ufffd good\nc\nd", "none"},
		{"a removed line", "caf\xe9\nb", "caf\ufffd", "caf\xe9"},
		{"CRLF", "a\r\nb\r", "x\ny\nz", "x\r\ny\r\nz\r"},
		{"CRLF in one of two lines", "a\r\nb", "x\nb", "x\r\nb"},
		{"CRLF in one of two lines, which is clear for pairs", "a\r\nb", "x\ny", "x\r\ny"},
		{"CRLF in one of two lines, which is not clear", "a\r\nb", "x\ny\nz", "none"},
		{"an inserted line between both", "a\r\nb", "a\nnew\nb", "none"},
		{"CRLF and Latin-1", "caf\xe9 bad\r\nb\r", "caf\ufffd good\nb", "caf\xe9 good\r\nb\r"},
		{"byte order mark", "\ufeffbad", "good", "\ufeffgood"},
		{"byte order mark that the model repeats", "\ufeffbad", "\ufeffgood", "\ufeffgood"},
		{"byte order mark of a removed line", "\ufeffbad", "", "none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var new []string
			if tt.new != "" {
				new = strings.Split(tt.new, "\n")
			}
			old := strings.Split(tt.old, "\n")
			lines, ok := restore(old, new, !utf8.ValidString(tt.old))
			got := "none"
			if ok {
				got = strings.Join(lines, "\n")
			}
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func plainLines(lines []string) []string {
	var list []string
	for _, l := range lines {
		list = append(list, plain(l))
	}
	return list
}

// FuzzRestore checks that a restored replacement looks to the model as it wrote it, and
// has only bytes that the model wrote or that were there.
func FuzzRestore(f *testing.F) {
	f.Add("caf\xe9 bad\r\nb\r\nc", "caf\ufffd good\nb")
	f.Add("\ufeffa\xff\ufffd\xfe", "\ufffd\ufffd")
	f.Add("\xf0\x9f\x98bad", "\ufffd")
	f.Fuzz(func(t *testing.T, before, after string) {
		old := strings.Split(before, "\n")
		new := plainLines(strings.Split(after, "\n"))
		for i := range new {
			new[i] = strings.TrimRight(new[i], "\r")
		}
		lines, ok := restore(old, new, !utf8.ValidString(before))
		if !ok {
			return
		}
		trim := func(l []string) []string {
			l = slices.Clone(l)
			l[0] = strings.TrimPrefix(l[0], byteOrderMark)
			return l
		}
		if got := plainLines(lines); !slices.Equal(trim(got), trim(new)) {
			t.Errorf("%q for %q becomes %q, which the model sees as %q", new, old, lines, got)
		}
		kept := strings.ToValidUTF8(strings.Join(lines, "\n"), "")
		if strings.Count(kept, "\ufffd") > strings.Count(before, "\ufffd") {
			t.Errorf("%q for %q becomes %q, with new replacement characters", new, old, lines)
		}
	})
}

// TestSuggestInAnotherEncoding checks the whole way to a patch: the bytes of the lines
// that stay, and of those that change, are those of the file.
func TestSuggestInAnotherEncoding(t *testing.T) {
	const before = "p\n\xa0q = \"caf\xe9\"  # BUG FIX\n\xfcber\n"
	f := diff.Read("f.py", before)
	g := &fileText{src: sourceOf(&f, ""), ps: excerpts(&f)}
	s := g.suggest("\ufffdq = \"caf\ufffd\"  # OK FIX", &Finding{Line: 2, EndLine: 2})
	if s == nil {
		t.Fatal("no suggestion")
	}
	got, err := diff.Apply(before, []diff.Hunk{s.Hunk})
	if want := strings.Replace(before, "BUG", "OK", 1); err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if s := g.suggest("caf\u00e9()", &Finding{Line: 1, EndLine: 1}); s != nil {
		t.Errorf("UTF-8 in a file of another encoding: %+v", s)
	}
}
