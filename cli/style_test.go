package cli

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/render/markdown"
)

func TestAnswerStyle(t *testing.T) {
	t.Setenv("COLORFGBG", "15;0")
	for _, tt := range []struct{ style, note string }{
		{"", ""},
		{"dracula", ""},
		{"missing.json", "load style \"missing.json\": no such file or directory. Set interface.style to ascii, "},
	} {
		var stderr bytes.Buffer
		con := console.New(strings.NewReader(""), io.Discard, &stderr)
		var conf config.Config
		conf.Interface.Style = tt.style
		style := answerStyle(con, conf, config.Places{Config: t.TempDir()})
		got := style()
		if own := got == markdown.Dark; own != (tt.style != "dracula") || got != style() {
			t.Errorf("%q: got the wrong style", tt.style)
		}
		if note := stderr.String(); !strings.HasPrefix(note, tt.note) || strings.Count(note, "\n") != min(1, len(tt.note)) {
			t.Errorf("%q: noted %q, want %q once", tt.style, note, tt.note)
		}
	}
}
