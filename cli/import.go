package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
)

func (a *app) importCommand() *cobra.Command {
	var name, eye string
	var cp, link bool
	cmd := &cobra.Command{
		Use:   "import PATH",
		Short: "Take a GGUF file into the list of models",
		Long: `Take a GGUF file into the list of models, by default where it lies: nothing is
copied, and the file must stay. Its bytes are read once, so that bise verify can
tell later whether they have changed. PATH may be a folder that has one model.`,
		Example: `bise import ~/Downloads/codestral-22b-v0.1.Q4_K_M.gguf
bise import ./model.gguf --copy --name mine`,
		Args: arguments(cobra.ExactArgs(1), "one path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			im := models.Import{Path: args[0], Projector: eye, Way: models.InPlace}
			switch {
			case cp && link:
				return usageErrorf("--copy and --link exclude each other")
			case cp:
				im.Way = models.Copy
			case link:
				im.Way = models.Link
			}
			im.Name, im.Tag, _ = strings.Cut(name, ":")
			return a.importModel(cmd.Context(), im)
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "call it `NAME[:TAG]` (default: as its file is called, and its type)")
	f.BoolVar(&cp, "copy", false, "copy the file")
	f.BoolVar(&link, "link", false, "give the file another name in bise's folder (a hard link): it may then be deleted where it lies")
	f.StringVar(&eye, "projector", "", "see with the projector in `FILE` (default: the one beside the model)")
	return cmd
}

func (a *app) importModel(ctx context.Context, im models.Import) error {
	line := amount{verb: "reading " + im.Path}
	if im.Way == models.Copy {
		line.verb = "copying " + im.Path
	}
	im.Progress = func(done, total int64) { line.set(done, total, "") }
	a.progress.wait(line.line)
	m, err := a.lib.Import(ctx, im)
	if err != nil {
		return err
	}
	a.progress.erase()
	if a.json {
		return writeJSON(a.stdout, library.Describe(m))
	}
	how := map[models.Way]string{models.InPlace: "used where it lies", models.Link: "linked", models.Copy: "copied"}[im.Way]
	a.note("%s is imported: %s, %s (sha256 %s). Try: bise ask -m %s", m.Name, size(m.Size), how, briefHash(m.Files[0].SHA256), m.Name)
	return nil
}

// briefHash is the beginning and the end of a hash.
func briefHash(sum string) string {
	if len(sum) < 12 {
		return sum
	}
	return sum[:4] + "…" + sum[len(sum)-4:]
}
