package attach

import (
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestUTF8(t *testing.T) {
	long := strings.Repeat("a line\n", 1<<15)
	for _, tt := range []struct{ name, in, want, err string }{
		{"text", "é\n", "é\n", ""},
		{"nothing", "", "", ""},
		{"mark", bomUTF8 + "a\n", "a\n", ""},
		{"UTF-16", bomUTF16LE + "a\x00\n\x00", "a\n", ""},
		{"big-endian UTF-16", bomUTF16BE + "\x20\xac", "€", ""},
		{"Windows-1252", "d'un \xe9t\xe9\n", "d'un \xe9t\xe9\n", ""},
		{"binary", "a\x00b", "", "x is not text: byte 2 is zero"},
		{"long", long + "\xff", long + "\xff", ""},
	} {
		for way, r := range map[string]io.Reader{"at once": strings.NewReader(tt.in), "by halves": iotest.HalfReader(strings.NewReader(tt.in))} {
			got, err := io.ReadAll(UTF8("x", r))
			if string(got) != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s, %s: got %.40q, %v", tt.name, way, got, err)
			}
		}
	}
}
