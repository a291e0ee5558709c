package answer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/cli/past"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
)

// See is the command bise see.
func See(con *console.Console, lib *library.Library, conf config.Config, h *past.Opener) *cobra.Command {
	v := ask{mode: "vision", shows: true}
	cmd := &cobra.Command{
		Use:   "see IMAGE… QUESTION",
		Short: "Ask about images",
		Long: `Ask about images. An IMAGE is a file (PNG, JPEG, WebP, GIF, BMP, TIFF, or PDF if
Poppler is installed), - for standard input, clipboard: for the clipboard, or a URL,
which bise fetches if you agree. Everything after the images is the question.

A terminal shows the images and how many tokens they cost. A second question about the
same images is answered faster. Saves the question and the answer to the history
(--no-history to skip).`,
		Example: `bise see photo.jpg "what is on it?"
bise see before.png after.png "what has changed?"
bise see --pages 2-3 paper.pdf "what does the figure show?"
bise see clipboard: "what does this error mean?"`,
		RunE: func(cmd *cobra.Command, args []string) error {
			images, question := imagesAndQuestion(args)
			if len(images) == 0 {
				return &fault.Error{Kind: fault.Usage, Msg: "no image given", Advice: `Give one: bise see photo.jpg "what is on it?"`}
			}
			v.images, v.systemSet = images, cmd.Flags().Changed("system")
			return runAsk(cmd.Context(), con, lib, conf, h, flags.Model(cmd), v, question)
		},
	}
	f := cmd.Flags()
	f.StringVar(&v.from.Pages, "pages", "", "use the `PAGES` of documents, such as 3 or 1-4,7")
	f.BoolVar(&v.from.Fetch, "fetch", false, "fetch images from URLs without asking")
	f.BoolVarP(&v.continues, "continue", "c", false, "continue the last conversation")
	f.StringVar(&v.system, "system", "", "use `TEXT` as the system prompt")
	f.StringVar(&v.schema, "schema", "", "answer with JSON that matches the JSON schema in `FILE`")
	f.BoolVar(&v.raw, "raw", false, "do not render Markdown")
	f.BoolVar(&v.noHistory, "no-history", false, "do not save the question and the answer")
	f.BoolVar(&v.stats, "stats", false, "print token counts and speeds afterwards")
	v.sampling.Add(cmd)
	v.load.Add(cmd)
	return cmd
}

// imagesAndQuestion splits a command line into the images at its beginning and the
// question.
func imagesAndQuestion(args []string) (pictures []string, question string) {
	n := 0
	for n < len(args) && (n == 0 || isImage(args[n])) {
		n++
	}
	return args[:n], strings.Join(args[n:], " ")
}

// isImage reports whether an argument is an image: an existing file, or a name with
// the extension of one.
func isImage(arg string) bool {
	if arg == "-" || arg == attach.FromClipboard || attach.IsURL(arg) {
		return true
	}
	if info, err := os.Stat(arg); err == nil {
		return info.Mode().IsRegular()
	}
	return !strings.ContainsAny(arg, " \t\n") && slices.Contains(imageExtensions, strings.ToLower(filepath.Ext(arg)))
}

var imageExtensions = []string{".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".avif", ".pdf"}

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
	return &fault.Error{Kind: fault.Usage, Msg: "no question given", Advice: "Ask one: " + example + ` "what is on it?"`}
}
