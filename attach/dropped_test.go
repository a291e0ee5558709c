package attach

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestDropped(t *testing.T) {
	for _, tt := range []struct {
		name, text string
		want       [][]string
	}{
		{"plain", "/a/b.txt\n", [][]string{{"/a/b.txt"}}},
		{"escaped", `/a/it\'s\ \(new\)\ \&\ old.txt `, [][]string{{"/a/it's (new) & old.txt"}}},
		{"escaped several", `/a/b\ c.txt /d.txt`, [][]string{{"/a/b c.txt", "/d.txt"}}},
		{"single quotes", `'/a/b c.txt'`, [][]string{{"/a/b c.txt"}}},
		{"apostrophe in single quotes", `'/a/it'\''s.txt' '/d e.txt'`, [][]string{{"/a/it's.txt", "/d e.txt"}}},
		{"double quotes", `"/a/it's \"b\".txt" "/d.txt"`, [][]string{{`/a/it's "b".txt`, "/d.txt"}}},
		{"newlines", "/a/b.txt\r\n/c.txt\n", [][]string{{"/a/b.txt", "/c.txt"}}},
		{"quoted lines", "'/a/b c.txt'\n'/d.txt'", [][]string{{"/a/b c.txt", "/d.txt"}}},
		{"URLs", "file:///a/b%20c.txt\nfile://localhost/it%27s.txt", [][]string{{"/a/b c.txt", "/it's.txt"}}},
		{"URLs in a line", "file:///a.txt file:///b%C3%A9.txt", [][]string{{"/a.txt", "/bé.txt"}}},
		{"apostrophe as it is", "/a/it's.txt", [][]string{{"/a/it's.txt"}}},
		{"two apostrophes as they are", "/a/it's and that's.txt", [][]string{{"/a/its and thats.txt"}, {"/a/it's and that's.txt"}}},
		{"spaces as they are", "/a/b c.txt", [][]string{{"/a/b c.txt"}}},
		{"several as they are", "/a/b c.txt /d.txt", [][]string{{"/a/b c.txt /d.txt"}, {"/a/b c.txt", "/d.txt"}}},
		{"home", "~/a.txt ./b.txt", [][]string{{"~/a.txt", "./b.txt"}, {"~/a.txt ./b.txt"}}},
		{"a sentence", "look at /a/b.txt", nil},
		{"a sentence after a path", "/a/b.txt is broken", [][]string{{"/a/b.txt is broken"}}},
		{"a web page", "https://example.com/a.txt", nil},
		{"zero byte", "/a\x00b", nil},
		{"nothing", " \n", nil},
		{"long", "/" + strings.Repeat("a", maxDropped), nil},
	} {
		got := Dropped(tt.text)
		for _, want := range tt.want {
			if !slices.ContainsFunc(got, func(list []string) bool { return slices.Equal(list, want) }) {
				t.Errorf("%s: %q, want %q", tt.name, got, want)
			}
		}
		if tt.want == nil && got != nil || len(got) > 0 && len(tt.want) > 0 && !slices.Equal(got[0], tt.want[0]) {
			t.Errorf("%s: the likeliest of %q, want %q", tt.name, got, tt.want)
		}
	}
}

// FuzzDropped writes paths in every style of quoting and reads them back.
func FuzzDropped(f *testing.F) {
	f.Add("it's", "a \"b\" \\c$`")
	f.Add("x", "é 日本 %20 #?")
	f.Fuzz(func(t *testing.T, one, two string) {
		paths := []string{"/d/" + one, "/" + two}
		for _, p := range paths {
			if strings.ContainsAny(p, "\x00\r\n") || len(p) > 1000 || filepath.Clean(p) != p || strings.TrimSpace(p) != p {
				return
			}
		}
		escape := strings.NewReplacer(" ", `\ `, "\t", "\\\t", "'", `\'`, `"`, `\"`, `\`, `\\`)
		double := strings.NewReplacer(`"`, `\"`, `\`, `\\`, "$", `\$`, "`", "\\`")
		for style, quote := range map[string]func(string) string{
			"backslash": escape.Replace,
			"single":    func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" },
			"double":    func(s string) string { return `"` + double.Replace(s) + `"` },
		} {
			for _, separator := range []string{" ", "\n"} {
				text := quote(paths[0]) + separator + quote(paths[1])
				if got := Dropped(text); len(got) == 0 || !slices.Equal(got[0], paths) {
					t.Errorf("%s: %q is read as %q", style, text, got)
				}
			}
		}
	})
}
