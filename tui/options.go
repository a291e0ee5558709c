package tui

import (
	"context"

	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/modes/review/change"
	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/tui/models"
)

// Options are what the interface is given by who starts it.
type Options struct {
	Width, Height int // of the terminal, in cells; 0: told later

	Settings config.Interface
	// Save writes changed settings to where they came from.
	Save func(config.Interface) error

	// Style is the style of answers. Nil means that of the theme.
	Style *markdown.Style

	// Problem is what was wrong with the settings, to be told; nil: nothing.
	Problem error

	// Model is the REF to begin with; "": whatever Open takes for the default.
	Model string
	// Sampling are the defaults of every answer.
	Sampling engine.Sampling
	// Open opens the model that a REF names. It may return before the model is
	// loaded.
	Open func(ctx context.Context, ref string, o engine.LoadOptions) (engine.Engine, error)
	// Loaded tells how much of a model is loaded, 0 to 1, without waiting for it.
	// Nil: it is not known.
	Loaded func(context.Context, engine.Engine) (float64, error)

	// Models, Downloads and Endpoints are a [library.Library]. Nil: there is none.
	Models    models.Models
	Downloads models.Downloads
	Endpoints models.Endpoints

	// History opens the conversations. It is called once, after the first frame.
	History func() (*history.Store, error)

	// Changes finds out what can be reviewed here. Nil: nothing.
	Changes func(context.Context) ([]change.Change, error)

	// Folder is where files for @ are looked for; "": the working directory.
	Folder string
	// Getenv looks at the environment; nil: nothing is set.
	Getenv func(string) string
}
