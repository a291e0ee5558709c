package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/fault"
	"github.com/spf13/cobra"
)

func (a *app) seeCommand() *cobra.Command {
	v := ask{mode: "vision", shows: true}
	cmd := &cobra.Command{
		Use:   "see IMAGE… QUESTION",
		Short: "Ask about pictures",
		Long: `Ask about pictures. An IMAGE is a file (PNG, JPEG, WebP, GIF, BMP, TIFF, and PDF where
Poppler is installed), - for standard input, clipboard: for what was copied, or an
address, which is fetched when you agree. Everything after the pictures is the question.

On a terminal the pictures are drawn, and it is said how many tokens they cost. A second
question about the same pictures finds them read.`,
		Example: `bise see photo.jpg "what is on it?"
bise see before.png after.png "what has changed?"
bise see --pages 2-3 paper.pdf "what does the figure show?"
bise see clipboard: "what does this error mean?"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			images, question := picturesAndQuestion(args)
			if len(images) == 0 {
				return &fault.Error{Kind: fault.Usage, Msg: "there is no image to see", Advice: `Name one: bise see photo.jpg "what is on it?"`}
			}
			v.images = images
			return a.ask(cmd.Context(), v, question)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.from.pages, "pages", "", "the `PAGES` of documents to show, such as 3 or 1-4,7")
	f.BoolVar(&v.from.fetch, "fetch", false, "fetch pictures from addresses without asking")
	f.BoolVarP(&v.continues, "continue", "c", false, "continue the last conversation")
	f.StringVar(&v.system, "system", "", "the system prompt, `TEXT`: how the model is to answer")
	f.StringVar(&v.schema, "schema", "", "answer with JSON that satisfies the JSON schema in `FILE`")
	f.BoolVar(&v.raw, "raw", false, "do not draw Markdown")
	f.BoolVar(&v.noHistory, "no-history", false, "do not keep what is asked and answered")
	f.BoolVar(&v.stats, "stats", false, "tell tokens and speeds afterwards")
	v.sampling.add(cmd)
	v.load.add(cmd)
	return cmd
}

// picturesAndQuestion tells the pictures at the beginning of a command line from the
// words of the question after them.
func picturesAndQuestion(args []string) (pictures []string, question string) {
	n := 0
	for n < len(args) && (n == 0 || namesPicture(args[n])) {
		n++
	}
	return args[:n], strings.Join(args[n:], " ")
}

// namesPicture reports whether an argument is a picture: one that is there, or one
// that is called so, which is then missed.
func namesPicture(arg string) bool {
	if arg == "-" || arg == attach.FromClipboard || attach.IsURL(arg) {
		return true
	}
	if info, err := os.Stat(arg); err == nil {
		return info.Mode().IsRegular()
	}
	return !strings.ContainsAny(arg, " \t\n") && slices.Contains(pictureExtensions, strings.ToLower(filepath.Ext(arg)))
}

var pictureExtensions = []string{".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".avif", ".pdf"}

// noQuestion is the error of images without a question.
func noQuestion(v ask, image string) *fault.Error {
	example := "bise ask -i "
	if v.shows {
		example = "bise see "
	}
	if len(v.images) > 0 {
		image = v.images[0]
	}
	example += filepath.Base(image)
	return &fault.Error{Kind: fault.Usage, Msg: "there is no question about the image", Advice: "Ask one: " + example + ` "what is on it?"`}
}
