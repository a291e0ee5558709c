package tui

import (
	"context"

	"github.com/bise-sh/bise/attach"
	"github.com/bise-sh/bise/config"
	"github.com/bise-sh/bise/engine"
	"github.com/bise-sh/bise/history"
	"github.com/bise-sh/bise/library"
	"github.com/bise-sh/bise/modes/review/change"
	"github.com/bise-sh/bise/render/markdown"
	"github.com/bise-sh/bise/tui/models"
)

// Options are the settings and services of the interface.
type Options struct {
	Width, Height int // of the terminal, in cells; 0: not known yet

	Settings config.Interface
	// Save saves changed settings.
	Save func(config.Interface) error

	// Style is the style of answers. Nil: the theme's style.
	Style *markdown.Style

	// Problem is an error in the settings to show; nil: none. Problems are what else is wrong
	// with them; see [CheckKeys].
	Problem  error
	Problems []config.Problem

	// Model is the REF of the model of all modes; "": Choose says which.
	Model string
	// ModelNamed reports that the user named Model for this run: it also continues a
	// conversation with another model.
	ModelNamed bool
	// Choose returns the model of a mode, or what the user named in it by REF. Nil: the
	// default of Open. It can be slow.
	Choose func(mode, ref string) library.Choice
	// Sampling is the default sampling of answers.
	Sampling engine.Sampling
	// Effort is the default reasoning effort of models that have one.
	Effort string
	// System is the system prompt of new conversations of the chat and the vision mode.
	System string
	// Open opens the model with a REF. It may return before the model is loaded.
	Open func(ctx context.Context, ref string, o engine.LoadOptions) (engine.Engine, error)
	// Loaded returns the share of a model that is loaded, 0 to 1, without waiting. Nil:
	// unknown.
	Loaded func(context.Context, engine.Engine) (float64, error)

	// Models, Downloads and Endpoints are usually a [library.Library]. Nil: not available.
	Models    models.Models
	Downloads models.Downloads
	Endpoints models.Endpoints

	// History opens the history. It is called once, after the first frame. A nil store keeps
	// nothing; without History there is a temporary one.
	History func() (*history.Store, error)

	// Changes returns the changes to review. Nil: none.
	Changes func(context.Context) ([]change.Change, error)

	// Continue opens the last conversation.
	Continue bool
	// Attached is attached to the first message.
	Attached []attach.Attachment

	// Folder is the folder for @; "": the working directory.
	Folder string
	// Getenv returns an environment variable; nil: none is set.
	Getenv func(string) string
}
