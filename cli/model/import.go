package model

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bise-sh/bise/cli/console"
	"github.com/bise-sh/bise/cli/flags"
	"github.com/bise-sh/bise/fault"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/models"
	"github.com/bise-sh/bise/units"
)

// Import is the command bise import.
func Import(con *console.Console, lib *library.Library) *cobra.Command {
	var name, projector string
	var adapters []string
	var cp, link bool
	cmd := &cobra.Command{
		Use:   "import PATH",
		Short: "Add a GGUF file to the installed models",
		Long: `Add a GGUF file to the installed models. By default the file is used in place: it is not
copied and must stay. bise reads it once for its checksum, so that bise verify can find
changes. PATH can be a folder with one model. With --adapter the result is a new
model: the weights are shared, and the adapters are copied.`,
		Example: `bise import ~/Downloads/codestral-22b-v0.1.Q4_K_M.gguf
bise import ./model.gguf --copy --name mine
bise import ./model.gguf --adapter ./lora.gguf --name tuned`,
		Args: flags.Args(cobra.ExactArgs(1), "one path"),
		RunE: func(cmd *cobra.Command, args []string) error {
			im := models.Import{Path: args[0], Projector: projector, Adapters: adapters, Way: models.InPlace}
			switch {
			case cp && link:
				return fault.Errorf(fault.Usage, "--copy and --link are mutually exclusive")
			case cp:
				im.Way = models.Copy
			case link:
				im.Way = models.Link
			}
			im.Name, im.Tag, _ = strings.Cut(name, ":")
			return runImport(cmd.Context(), con, lib, im)
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "use `NAME[:TAG]` (default: the name of the file and its type)")
	f.BoolVar(&cp, "copy", false, "copy the file")
	f.BoolVar(&link, "link", false, "make a hard link in bise's folder: the original can be deleted then")
	f.StringArrayVar(&adapters, "adapter", nil, "add the LoRA adapter `FILE`, a GGUF file; can be repeated")
	f.StringVar(&projector, "projector", "", "use the vision projector in `FILE` (default: the one beside the model)")
	return cmd
}

func runImport(ctx context.Context, con *console.Console, lib *library.Library, im models.Import) error {
	line := console.Counter{Verb: "reading " + im.Path}
	if im.Way == models.Copy {
		line.Verb = "copying " + im.Path
	}
	im.Progress = func(done, total int64) { line.Set(done, total, "") }
	con.Wait(line.Line)
	m, err := lib.Import(ctx, im)
	if err != nil {
		return err
	}
	con.Erase()
	if con.JSON {
		return con.WriteJSON(library.Describe(m))
	}
	how := map[models.Way]string{models.InPlace: "used where it lies", models.Link: "linked", models.Copy: "copied"}[im.Way]
	con.Notef("%s is imported: %s, %s (sha256 %s). Try: %s", m.Name, units.Size(m.Size), how, briefHash(m.Files[0].SHA256), tryIt(m))
	return nil
}

// briefHash is the beginning and the end of a hash.
func briefHash(sum string) string {
	if len(sum) < 12 {
		return sum
	}
	return sum[:4] + "…" + sum[len(sum)-4:]
}
